// Package controllers lists everything that keeps the world as users want it. Each kind has a folder with a short
// script over the pipeline.
package controllers
