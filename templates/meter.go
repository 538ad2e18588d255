package templates

import (
	"bytes"
	"reflect"
	"time"

	"k8s.io/utils/clock"

	"github.com/sluice-operator/sluice/internal/fault"
	"github.com/sluice-operator/sluice/templates/funcs"
)

const (
	// maxWork is the number of bytes that the functions of one rendering may take and return altogether.
	maxWork = 64 << 20
	// stepCost stands for one round of a loop, one call of a template or a function.
	stepCost = 64
	// maxNested is how deep templates may call each other: each level takes much of the stack.
	maxNested = 100
)

// meter counts what one rendering spends. It is not safe for concurrent use.
type meter struct {
	// data are the template's variables.
	data map[string]any
	// slow are the functions whose time does not count, by what a call costs instead.
	slow     map[string]int
	work     int
	nested   int
	clock    clock.PassiveClock
	deadline time.Time
}

// hidden returns the functions that the engine itself inserts into a template.
func (m *meter) hidden() map[string]any {
	return map[string]any{
		stepFunction:  m.step,
		enterFunction: m.enter,
		leaveFunction: m.leave,
		holdFunction:  m.hold,
		textFunction:  m.text,
		printFunction: m.print,
	}
}

func (m *meter) spend(bytes int) error {
	m.work -= bytes
	switch {
	case bytes > funcs.MaxValue:
		return fault.New(fault.Invalid, "a value is larger than %d MiB or nested too deep", funcs.MaxValue>>20)
	case m.work < 0:
		return fault.New(fault.Invalid, "the template does too much work")
	}
	return nil
}

// step is called before each round of a loop. Like enter and leave it prints nothing.
func (m *meter) step() (string, error) {
	if m.clock.Now().After(m.deadline) {
		return "", fault.New(fault.Invalid, "the template takes too long to render")
	}
	return "", m.spend(stepCost)
}

func (m *meter) enter() (string, error) {
	if m.nested++; m.nested > maxNested {
		return "", fault.New(fault.Invalid, "the templates call each other more than %d levels deep", maxNested)
	}
	return m.step()
}

func (m *meter) leave() string {
	m.nested--
	return ""
}

// hold measures a value on its way: what a method returned has not been measured yet.
func (m *meter) hold(value any) (any, error) { return value, m.spend(funcs.Size(value)) }

// text gives a variable that index did not find as the empty text, as a map of texts does, so that functions of texts and comparisons
// accept it. What is missing further down in a value stays absent.
func (m *meter) text(from, value any) any {
	if value == nil && reflect.ValueOf(from).Kind() == reflect.Map &&
		reflect.ValueOf(from).Pointer() == reflect.ValueOf(m.data).Pointer() {
		return ""
	}
	return value
}

// print is hold for a value that is about to be printed. text/template would print a value that is absent as "<no value>".
func (m *meter) print(value any) (any, error) {
	if value == nil {
		return nil, fault.New(fault.Invalid, "the expression has no value: a key that index looks up is missing, or the value is null "+
			"(if it is optional, add: | default \"\")")
	}
	return m.hold(value)
}

// wrap returns a function like fn that measures what it takes and returns, and whose errors are fit for users.
func (m *meter) wrap(name string, fn any) any {
	inner := reflect.ValueOf(fn)
	t := inner.Type()
	in := make([]reflect.Type, t.NumIn())
	for i := range in {
		in[i] = t.In(i)
	}
	outer := reflect.FuncOf(in, []reflect.Type{t.Out(0), reflect.TypeFor[error]()}, t.IsVariadic())
	return reflect.MakeFunc(outer, func(args []reflect.Value) []reflect.Value {
		result, err := m.call(name, inner, args)
		if err != nil {
			return []reflect.Value{reflect.Zero(t.Out(0)), reflect.ValueOf(&err).Elem()}
		}
		return []reflect.Value{result, reflect.Zero(reflect.TypeFor[error]())}
	}).Interface()
}

func (m *meter) call(name string, fn reflect.Value, args []reflect.Value) (result reflect.Value, err error) {
	// Libraries panic on odd input, with values in the text.
	defer func() {
		if recover() != nil {
			err = unsuitable(name)
		}
	}()
	if _, err := m.step(); err != nil {
		return result, err
	}
	if err := m.measure(args); err != nil {
		return result, callError(name, err)
	}
	call := fn.Call
	if fn.Type().IsVariadic() {
		call = fn.CallSlice
		if args[len(args)-1].Len() > funcs.MaxArgs {
			return result, callError(name, fault.New(fault.Invalid, "more than %d arguments", funcs.MaxArgs))
		}
	}
	if cost, slow := m.slow[name]; slow {
		if err := m.spend(cost); err != nil {
			return result, callError(name, err)
		}
		start := m.clock.Now()
		defer func() { m.deadline = m.deadline.Add(m.clock.Now().Sub(start)) }()
	}
	results := call(args)
	if failed, ok := reflect.TypeAssert[error](results[len(results)-1]); ok && len(results) == 2 {
		return result, callError(name, failed)
	}
	return results[0], callError(name, m.measure(results[:1]))
}

func (m *meter) measure(values []reflect.Value) error {
	for _, value := range values {
		if err := m.spend(funcs.Size(value.Interface())); err != nil {
			return err
		}
	}
	return nil
}

// output collects the rendered text up to a size.
type output struct {
	bytes.Buffer
	left int
}

// Write fails when the text becomes too large.
func (o *output) Write(text []byte) (int, error) {
	if o.left -= len(text); o.left < 0 {
		return 0, fault.New(fault.Invalid, "the rendered text is larger than %d bytes", o.left+len(text)+o.Len())
	}
	return o.Buffer.Write(text)
}
