package main

import (
	"context"
	"time"

	"github.com/logmeter/logmeter/agent"
	"github.com/logmeter/logmeter/agent/config"
	"github.com/logmeter/logmeter/agent/stripe"
)

// checkWithin bounds the questions to Stripe.
const checkWithin = 30 * time.Second

// checkStripe asks Stripe.
func (o *options) checkStripe(ctx context.Context, ch *checker, c *config.Config) {
	if !c.HasKey() {
		ch.warn("there is no Stripe key: usage is counted and kept, and sent once there is one\nhint: set stripe.api_key_file or STRIPE_API_KEY")
		return
	}
	b, err := stripe.New(stripeOptions(c, nil, time.Now))
	if err != nil {
		ch.problem("stripe: %v", err)
		return
	}
	ctx, cancel := context.WithTimeout(ctx, checkWithin)
	defer cancel()
	report := b.Check(ctx)
	for _, f := range report.Findings {
		ch.add(agent.Finding{Severity: f.Severity, Topic: ch.topic, Text: "stripe: " + f.Text})
	}
}
