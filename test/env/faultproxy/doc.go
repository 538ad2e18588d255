// Package faultproxy is a bad network between a client and an API server: it refuses, delays and cuts, as chance will have it.
package faultproxy
