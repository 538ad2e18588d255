package faultproxy

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
)

// Fault is what can go wrong with a request.
type Fault string

// The faults. A request that is refused or cut before it is forwarded has no effect; one that is cut after it is forwarded has.
const (
	// Conflict is refused with status 409.
	Conflict Fault = "conflict"
	// Broken is refused with status 500.
	Broken Fault = "broken"
	// Unavailable is refused with status 503.
	Unavailable Fault = "unavailable"
	// Throttled is refused with status 429, to be tried again after a second.
	Throttled Fault = "throttled"
	// Late is answered after a delay.
	Late Fault = "late"
	// CutBefore loses its connection before it is forwarded.
	CutBefore Fault = "cut before"
	// CutAfter loses its connection after the server has answered, in place of the answer.
	CutAfter Fault = "cut after"
	// CutWatch is answered, and loses its connection after a while.
	CutWatch Fault = "cut watch"
)

// longest is the longest delay of an answer and of the cut of a watch.
const longest = 2 * time.Second

// Rule says what happens to some requests.
type Rule struct {
	// Applies says which requests these are. The first rule that applies counts.
	Applies func(*http.Request) bool
	// Share is how many of them have a fault, from 0 to 1.
	Share float64
	// Faults are those among which chance picks.
	Faults []Fault
}

// Proxy forwards requests to an API server, with the credentials that they bring. It is safe for concurrent use.
type Proxy struct {
	server *httptest.Server
	proxy  *httputil.ReverseProxy

	mu     sync.Mutex
	random *rand.Rand
	rules  []Rule
	counts map[Fault]int
}

// Start starts a proxy to the API server of config, of which the address and the certificate authority are used. It has no
// faults until Disturb. Close stops it.
func Start(config *rest.Config, random *rand.Rand) (*Proxy, error) {
	target, err := url.Parse(config.Host)
	if err != nil {
		return nil, fmt.Errorf("read the API server's address: %w", err)
	}
	transport, err := rest.TransportFor(rest.AnonymousClientConfig(config))
	if err != nil {
		return nil, fmt.Errorf("make a connection to the API server: %w", err)
	}
	// That connections are cut is what the proxy is for.
	silent := log.New(io.Discard, "", 0)
	p := &Proxy{random: random, counts: map[Fault]int{}}
	p.proxy = &httputil.ReverseProxy{
		Rewrite:       func(r *httputil.ProxyRequest) { r.SetURL(target) },
		Transport:     transport,
		FlushInterval: -1, // watches are answered bit by bit
		ErrorLog:      silent,
		// A client that goes is no news.
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	}
	p.server = httptest.NewUnstartedServer(p)
	p.server.Config.ErrorLog = silent
	p.server.StartTLS()
	return p, nil
}

// Config is what a client needs to talk to the proxy, without credentials.
func (p *Proxy) Config() *rest.Config {
	authority := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: p.server.Certificate().Raw})
	return &rest.Config{Host: p.server.URL, TLSClientConfig: rest.TLSClientConfig{CAData: authority}}
}

// Close cuts every connection and stops the proxy.
func (p *Proxy) Close() {
	p.server.CloseClientConnections()
	p.server.Close()
}

// Disturb makes faults of requests from now on, and cuts the connections that there are; without rules the network is good
// again.
func (p *Proxy) Disturb(rules ...Rule) {
	p.mu.Lock()
	p.rules = rules
	p.mu.Unlock()
	p.server.CloseClientConnections()
}

// Counts returns how many faults of each kind there were.
func (p *Proxy) Counts() map[Fault]int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return maps.Clone(p.counts)
}

// ServeHTTP implements http.Handler.
func (p *Proxy) ServeHTTP(out http.ResponseWriter, in *http.Request) {
	fault, delay := p.pick(in)
	switch fault {
	case Conflict:
		refuse(out, http.StatusConflict, metav1.StatusReasonConflict)
	case Broken:
		refuse(out, http.StatusInternalServerError, metav1.StatusReasonInternalError)
	case Unavailable:
		refuse(out, http.StatusServiceUnavailable, metav1.StatusReasonServiceUnavailable)
	case Throttled:
		out.Header().Set("Retry-After", "1")
		refuse(out, http.StatusTooManyRequests, metav1.StatusReasonTooManyRequests)
	case Late:
		wait(in.Context(), delay)
		p.proxy.ServeHTTP(out, in)
	case CutBefore:
		panic(http.ErrAbortHandler)
	case CutAfter:
		p.proxy.ServeHTTP(httptest.NewRecorder(), in)
		panic(http.ErrAbortHandler)
	case CutWatch:
		ctx, cancel := context.WithTimeout(in.Context(), delay)
		defer cancel()
		p.proxy.ServeHTTP(out, in.WithContext(ctx))
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			panic(http.ErrAbortHandler)
		}
	default:
		p.proxy.ServeHTTP(out, in)
	}
}

// pick returns the fault of a request, none for most, and how long it takes.
func (p *Proxy) pick(in *http.Request) (Fault, time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, rule := range p.rules {
		if !rule.Applies(in) {
			continue
		}
		if p.random.Float64() >= rule.Share {
			return "", 0
		}
		fault := rule.Faults[p.random.IntN(len(rule.Faults))]
		p.counts[fault]++
		return fault, time.Duration(p.random.Int64N(int64(longest)))
	}
	return "", 0
}

func wait(ctx context.Context, delay time.Duration) {
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

func refuse(out http.ResponseWriter, code int32, reason metav1.StatusReason) {
	out.Header().Set("Content-Type", "application/json")
	out.WriteHeader(int(code))
	err := json.NewEncoder(out).Encode(metav1.Status{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Status"},
		Status:   metav1.StatusFailure, Code: code, Reason: reason, Message: "a bad network",
	})
	if err != nil {
		panic(http.ErrAbortHandler)
	}
}

// IsWatch says whether a request is a watch.
func IsWatch(in *http.Request) bool { return in.URL.Query().Get("watch") != "" }

// IsWrite says whether a request changes something.
func IsWrite(in *http.Request) bool { return in.Method != http.MethodGet }
