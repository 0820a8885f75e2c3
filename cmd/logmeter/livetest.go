package main

import (
	"context"
	"time"

	"github.com/logmeter/logmeter/agent/config"
	"github.com/logmeter/logmeter/agent/stripe"
)

// liveTest proves on a test customer of Stripe's that delivery can rely on what
// Stripe promises. What it does shows as it happens, since it may take minutes.
func (o *options) liveTest(ctx context.Context, ch *checker, c *config.Config, customer string) {
	ch.topic = "live test"
	if !c.HasKey() {
		ch.problem("live test: there is no Stripe key\nhint: set stripe.api_key_file or STRIPE_API_KEY; it must be a test key")
		return
	}
	b, err := stripe.New(stripeOptions(c, nil, time.Now))
	if err != nil {
		ch.problem("live test: %v", err)
		return
	}
	if err := b.LiveTest(ctx, customer, func(step string) { ch.ok("live test: %s", step) }); err != nil {
		ch.problem("live test: %v", err)
		return
	}
	ch.ok("live test: Stripe took one event once, and showed it")
}
