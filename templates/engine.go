package templates

import (
	"time"

	"k8s.io/utils/clock"
	"k8s.io/utils/lru"

	"github.com/sluice-operator/sluice/templates/funcs"
)

const (
	// DefaultMaxOutput is the size in bytes of the largest rendered text: a Kubernetes Secret holds no more.
	DefaultMaxOutput = 1 << 20
	// DefaultTimeout is how long one text may take to render.
	DefaultTimeout = 5 * time.Second

	defaultLeft, defaultRight = "{{", "}}"
	// cachedPrograms and maxCachedText bound the memory of the cache: a parsed template is some twenty times as large as its text.
	cachedPrograms = 512
	maxCachedText  = 4096
)

// Engine renders templates. It is immutable and safe for concurrent use.
type Engine struct {
	left, right string
	maxOutput   int
	timeout     time.Duration
	clock       clock.PassiveClock
	functions   map[string]any
	slow        map[string]int
	programs    *lru.Cache
}

// Option changes an engine that New or With is about to return.
type Option func(*Engine)

// WithDelimiters sets what stands around an action; an empty string means the default, {{ or }}.
func WithDelimiters(left, right string) Option {
	return func(e *Engine) {
		e.left, e.right = orDefault(left, defaultLeft), orDefault(right, defaultRight)
	}
}

// WithMaxOutput sets the size in bytes of the largest rendered text.
func WithMaxOutput(bytes int) Option {
	return func(e *Engine) { e.maxOutput = bytes }
}

// WithTimeout sets how long one text may take to render. A single function call is never interrupted; each is bounded by itself. What makes
// keys and hashes passwords is slow on purpose, and how slow depends on the machine: its time does not count, but the number of calls is
// bounded.
func WithTimeout(d time.Duration) Option {
	return func(e *Engine) { e.timeout = d }
}

// WithClock sets the clock that the timeout is measured with; the default is the real one.
func WithClock(c clock.PassiveClock) Option {
	return func(e *Engine) { e.clock = c }
}

// New returns an engine with a cache of parsed templates of its own.
func New(opts ...Option) *Engine {
	e := &Engine{
		left: defaultLeft, right: defaultRight,
		maxOutput: DefaultMaxOutput,
		timeout:   DefaultTimeout,
		clock:     clock.RealClock{},
		functions: funcs.All(),
		slow:      funcs.Slow(),
		programs:  lru.New(cachedPrograms),
	}
	return e.With(opts...)
}

// With returns an engine like e with further options. It is cheap, and shares the cache with e: a caller may derive one for each object.
func (e *Engine) With(opts ...Option) *Engine {
	derived := *e
	for _, opt := range opts {
		opt(&derived)
	}
	return &derived
}

// Text renders one template. name is what errors call it. A top-level key of data is a variable: {{ .key }}, or {{ index . "my-key" }} for
// a name that is no identifier. Values of type []byte count as text; data itself is never changed.
//
// A key that data lacks is an error, and so is an expression without a value that would be printed. A key that index does not find may be
// used in an expression, where it is the empty text: {{ index . "my-key" | default "x" }}. Every error is a *fault.Error of
// kind Invalid that names the template, the line and the missing key, function or kind of fault, and holds no value.
func (e *Engine) Text(name, text string, data map[string]any) ([]byte, error) {
	p, err := e.program(text)
	if err != nil {
		return nil, parseFailure(name, err)
	}
	out := &output{left: e.maxOutput}
	m := &meter{data: owned(data), slow: e.slow, work: maxWork, clock: e.clock, deadline: e.clock.Now().Add(e.timeout)}
	if err := p.run(out, m, e.functions); err != nil {
		return nil, failure{name: name, text: text, data: data}.explain(err)
	}
	return out.Bytes(), nil
}

func (e *Engine) program(text string) (*program, error) {
	type key struct{ left, right, text string }
	k := key{e.left, e.right, text}
	if cached, ok := e.programs.Get(k); ok {
		if p, ok := cached.(*program); ok {
			return p, nil
		}
	}
	p, err := parseProgram(text, e.left, e.right, e.functions)
	if err == nil && len(text) <= maxCachedText {
		e.programs.Add(k, p)
	}
	return p, err
}

// owned returns a copy of data that template functions may change, with text instead of bytes.
func owned(data map[string]any) map[string]any {
	own := make(map[string]any, len(data))
	for key, value := range data {
		own[key] = ownedValue(value)
	}
	return own
}

func ownedValue(value any) any {
	switch v := value.(type) {
	case []byte:
		return string(v)
	case map[string]any:
		return owned(v)
	case []any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = ownedValue(v[i])
		}
		return list
	}
	return value
}

func orDefault(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
