package kubernetes

import (
	"context"
	"fmt"
	"slices"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sluice-operator/sluice/internal/fault"
)

// Check implements providers.Checker: the store is usable when its identity may get Secrets in its namespace, or at
// least one of them by name. The rules that the server lists may be incomplete, so that it is asked directly before the
// answer is no. Watching them takes list and watch too.
func (c *client) Check(ctx context.Context) (limits string, err error) {
	rules := &authorizationv1.SelfSubjectRulesReview{Spec: authorizationv1.SelfSubjectRulesReviewSpec{Namespace: c.namespace}}
	err = c.review(ctx, callRules, "selfsubjectrulesreviews", func(ctx context.Context) (err error) {
		rules, err = c.reviews.SelfSubjectRulesReviews().Create(ctx, rules, metav1.CreateOptions{})
		return err
	})
	if err != nil {
		return "", err
	}
	if !slices.ContainsFunc(rules.Status.ResourceRules, func(rule authorizationv1.ResourceRule) bool { return allows(rule, "get") }) {
		allowed, err := c.allowed(ctx, "get")
		if err != nil {
			return "", err
		}
		if !allowed {
			return "", fault.New(fault.Denied, "the store's identity%s may not get secrets in namespace %q: grant it the verb %q",
				c.identity(ctx), c.namespace, "get")
		}
	}
	if c.mayWatch(ctx, rules.Status) {
		return "", nil
	}
	return fmt.Sprintf("changes of its secrets are seen at the refresh interval only: the store's identity may not watch secrets "+
		"in namespace %q (grant it the verbs list and watch)", c.namespace), nil
}

// mayWatch reports whether the identity has the rights to watch, as far as can be found out.
func (c *client) mayWatch(ctx context.Context, rules authorizationv1.SubjectRulesReviewStatus) bool {
	return !slices.ContainsFunc([]string{"list", "watch"}, func(verb string) bool {
		listed := func(rule authorizationv1.ResourceRule) bool {
			return len(rule.ResourceNames) == 0 && allows(rule, verb)
		}
		if slices.ContainsFunc(rules.ResourceRules, listed) {
			return false
		}
		if !rules.Incomplete {
			return true
		}
		allowed, err := c.allowed(ctx, verb)
		return err == nil && !allowed
	})
}

// allowed asks the API server directly.
func (c *client) allowed(ctx context.Context, verb string) (bool, error) {
	access := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{
		ResourceAttributes: &authorizationv1.ResourceAttributes{Namespace: c.namespace, Verb: verb, Resource: "secrets"},
	}}
	err := c.review(ctx, callAccess, "selfsubjectaccessreviews", func(ctx context.Context) (err error) {
		access, err = c.reviews.SelfSubjectAccessReviews().Create(ctx, access, metav1.CreateOptions{})
		return err
	})
	return access.Status.Allowed, err
}

// identity returns the name that the API server knows the store by, quoted, with a space in front; nothing when it does
// not tell.
func (c *client) identity(ctx context.Context) string {
	review := &authenticationv1.SelfSubjectReview{}
	err := c.do(ctx, operation{call: callSelf, verb: "create", resource: "selfsubjectreviews"}, func(ctx context.Context) (err error) {
		review, err = c.self.SelfSubjectReviews().Create(ctx, review, metav1.CreateOptions{})
		return err
	})
	if err != nil || review.Status.UserInfo.Username == "" {
		return ""
	}
	return fmt.Sprintf(" %q", review.Status.UserInfo.Username)
}

// review makes one review. An identity that may not ask about itself may have every right that it needs: that is not
// found out then.
func (c *client) review(ctx context.Context, call, resource string, f func(context.Context) error) error {
	err := c.do(ctx, operation{call: call, verb: "create", resource: resource}, f)
	if apierrors.IsForbidden(err) {
		return fault.Wrap(fault.Unavailable, err, "could not verify the rights of the store's identity: %s", fault.Message(err))
	}
	return err
}

// allows reports whether the rule allows the verb on Secrets, be it on some of them.
func allows(rule authorizationv1.ResourceRule, verb string) bool {
	has := func(list []string, value string) bool {
		return slices.Contains(list, value) || slices.Contains(list, "*")
	}
	return has(rule.Verbs, verb) && has(rule.Resources, "secrets") && (len(rule.APIGroups) == 0 || has(rule.APIGroups, ""))
}
