// Package externalsecret keeps the target of each ExternalSecret as the ExternalSecret says: observe, plan, fetch,
// render, apply, report.
package externalsecret
