package funcs_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/Masterminds/sprig/v3"

	"github.com/sluice-operator/sluice/templates/funcs"
)

// bait is what a function would find if it looked outside: in the environment, in files and on the network.
type bait struct {
	directory string
	listener  net.Listener
	// asked counts the questions to a name server.
	asked atomic.Int32
}

const (
	variable = "SLUICE_BAIT"
	// found is the value of the variable, the content of a file and the name of another.
	found = "the-bait-was-taken"
)

func lay(t *testing.T) *bait {
	t.Helper()
	b := &bait{directory: t.TempDir()}
	t.Setenv(variable, found)
	for _, name := range []string{"file", found} {
		if err := os.WriteFile(filepath.Join(b.directory, name), []byte(found), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var err error
	if b.listener, err = (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	resolver := net.DefaultResolver
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		b.asked.Add(1)
		return nil, errors.New("there is no name server")
	}}
	t.Cleanup(func() {
		net.DefaultResolver = resolver
		_ = b.listener.Close()
	})
	return b
}

// texts are what a function that looks outside would take for a name of something there.
func (b *bait) texts() []string {
	file, address := filepath.Join(b.directory, "file"), b.listener.Addr().String()
	return []string{
		variable, "$" + variable, file, b.directory, b.directory + "/*", "bait.example.com", address, "http://" + address + "/",
	}
}

// taken calls a function with each text in the place of every argument, and says whether one led outside.
func (b *bait) taken(t *testing.T, function any) bool {
	t.Helper()
	taken := false
	for _, text := range b.texts() {
		taken = taken || strings.Contains(call(function, text), found)
	}
	return taken || b.asked.Swap(0) > 0 || b.visited(t)
}

// visited says whether anybody has connected since the last call: connections are accepted in the order in which they came.
func (b *bait) visited(t *testing.T) bool {
	t.Helper()
	own, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", b.listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = own.Close() }()
	for others := false; ; others = true {
		connection, err := b.listener.Accept()
		if err != nil {
			t.Fatal(err)
		}
		_ = connection.Close()
		if connection.RemoteAddr().String() == own.LocalAddr().String() {
			return others
		}
	}
}

// call calls a function and returns all of its results as text. Whether it fails or panics does not matter here.
func call(function any, text string) (result string) {
	defer func() {
		if reason := recover(); reason != nil {
			result = fmt.Sprint(reason)
		}
	}()
	f := reflect.ValueOf(function)
	arguments := make([]reflect.Value, f.Type().NumIn())
	for i := range arguments {
		arguments[i] = argument(f.Type().In(i), text)
	}
	if f.Type().IsVariadic() {
		return fmt.Sprint(texts(f.CallSlice(arguments)))
	}
	return fmt.Sprint(texts(f.Call(arguments)))
}

func texts(values []reflect.Value) []any {
	all := make([]any, 0, len(values))
	for _, value := range values {
		all = append(all, value.Interface())
	}
	return all
}

// argument is text as a value of the given type; for what no text fits, something small.
func argument(t reflect.Type, text string) reflect.Value {
	value := reflect.New(t).Elem()
	switch t.Kind() {
	case reflect.String:
		value.SetString(text)
	case reflect.Interface:
		if reflect.TypeFor[string]().Implements(t) {
			value.Set(reflect.ValueOf(text))
		}
	case reflect.Slice:
		value.Set(reflect.MakeSlice(t, 1, 1))
		value.Index(0).Set(argument(t.Elem(), text))
	case reflect.Map:
		value.Set(reflect.MakeMap(t))
		value.SetMapIndex(argument(t.Key(), text), argument(t.Elem(), text))
	case reflect.Int, reflect.Int64:
		value.SetInt(1)
	default:
	}
	return value
}

// TestNoFunctionLooksOutside calls every function with names of an environment variable, files and hosts.
func TestNoFunctionLooksOutside(t *testing.T) {
	b := lay(t)
	for name, function := range funcs.All() {
		if b.taken(t, function) {
			t.Errorf("%s looks outside", name)
		}
	}
}

// TestTheBaitWorks calls functions that do look outside: those that are refused, and others.
func TestTheBaitWorks(t *testing.T) {
	b := lay(t)
	if b.taken(t, strings.ToUpper) {
		t.Error("a pure function was seen to look outside")
	}
	outside := map[string]any{
		"a reader of files":   func(path string) string { text, _ := os.ReadFile(path); return string(text) },
		"a reader of folders": func(path string) []string { names, _ := filepath.Glob(path); return names },
		"a client": func(address string) error {
			connection, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", address)
			if err == nil {
				_ = connection.Close()
			}
			return err
		},
	}
	for name := range funcs.Refused() {
		outside[name] = sprig.TxtFuncMap()[name]
	}
	for name, function := range outside {
		if !b.taken(t, function) {
			t.Errorf("%s was not seen to look outside", name)
		}
	}
}
