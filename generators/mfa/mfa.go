package mfa

import (
	"cmp"
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/totp"

	genv1alpha1 "github.com/sluice-operator/sluice/apis/generators/v1alpha1"
	"github.com/sluice-operator/sluice/generators"
	"github.com/sluice-operator/sluice/internal/fault"
)

// The keys of the result.
const (
	token    = "token"
	timeLeft = "timeLeft"
)

const (
	defaultLength = 6
	// maxLength is the number of digits in the largest number that the algorithm yields.
	maxLength     = 10
	defaultPeriod = 30
	maxPeriod     = 86400
)

// New returns the generator of kind MFA. It is safe for concurrent use. A token is the same until its time is over. A spec or
// a seed that cannot be used is fault.Invalid and names the field.
func New() generators.Generator {
	return generators.Define(genv1alpha1.KindMFA,
		func(o *genv1alpha1.MFA) *genv1alpha1.MFASpec { return &o.Spec },
		func(u *genv1alpha1.GeneratorSpec) *genv1alpha1.MFASpec { return u.MFASpec },
		generate,
		generators.Keys(func(*genv1alpha1.MFASpec) []string { return []string{token, timeLeft} }),
		generators.Together[genv1alpha1.MFASpec]())
}

func generate(ctx context.Context, spec *genv1alpha1.MFASpec, env generators.Env) (generators.Result, error) {
	length, period := cmp.Or(spec.Length, defaultLength), cmp.Or(spec.TimePeriod, defaultPeriod)
	if length < 1 || length > maxLength {
		return generators.Result{}, fault.New(fault.Invalid, "spec.length %d must be between 1 and %d", length, maxLength)
	}
	if period < 1 || period > maxPeriod {
		return generators.Result{}, fault.New(fault.Invalid, "spec.timePeriod %d must be between 1 and %d seconds", period, maxPeriod)
	}
	algorithm, err := algorithmOf(spec.Algorithm)
	if err != nil {
		return generators.Result{}, err
	}
	at := env.Clock.Now()
	if spec.When != nil {
		at = spec.When.Time
	}
	if at.Unix() < 0 {
		return generators.Result{}, fault.New(fault.Invalid, "spec.when must not be before the year 1970")
	}
	seed, err := seedOf(ctx, spec, env.Resolver)
	if err != nil {
		return generators.Result{}, err
	}
	code, err := totp.GenerateCodeCustom(seed, at, totp.ValidateOpts{
		Period: uint(period), Digits: otp.Digits(length), Algorithm: algorithm,
	})
	if err != nil {
		return generators.Result{}, fault.Wrap(fault.Invalid, err, "spec.secret: the value under key %q is not Base32", spec.Secret.Key)
	}
	return generators.Result{Data: map[string][]byte{token: []byte(code), timeLeft: []byte(left(at, period))}}, nil
}

// left returns for how many seconds the token of a time is valid from then on: at least one, and a whole period at its start.
func left(at time.Time, period int) string {
	return strconv.FormatInt(int64(period)-at.Unix()%int64(period), 10)
}

func algorithmOf(name string) (otp.Algorithm, error) {
	switch strings.ToLower(name) {
	case "sha1", "":
		return otp.AlgorithmSHA1, nil
	case "sha256":
		return otp.AlgorithmSHA256, nil
	case "sha512":
		return otp.AlgorithmSHA512, nil
	}
	return 0, fault.New(fault.Invalid, "spec.algorithm %q must be sha1, sha256 or sha512", name)
}

// seedOf returns the seed without what people write between its letters.
func seedOf(ctx context.Context, spec *genv1alpha1.MFASpec, resolver generators.Resolver) (string, error) {
	value, err := resolver.SecretKey(ctx, spec.Secret)
	if err != nil {
		return "", fault.In(err, "spec.secret")
	}
	seed := strings.TrimRight(strings.Join(strings.Fields(string(value)), ""), "=")
	if seed == "" {
		return "", fault.New(fault.Invalid, "spec.secret: the value under key %q is empty", spec.Secret.Key)
	}
	return seed, nil
}
