//go:build embedroots

package main

// An image made of the binary alone has no certificates to know Stripe by.
// These are Mozilla's; they are used only where the system has none.
import _ "golang.org/x/crypto/x509roots/fallback"
