// Package operator puts the parts together and runs them: options, caches, clients, controllers.
package operator
