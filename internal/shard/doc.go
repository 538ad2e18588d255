// Package shard divides the objects of the cluster among replicas of the operator, so that each object is worked on by one of them.
package shard
