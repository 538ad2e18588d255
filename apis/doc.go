// Package apis joins the API groups that users write into one scheme.
package apis
