// Package catalog lists the providers and generators that a build contains. It is the only place that knows them:
// adding one is adding its line here.
package catalog
