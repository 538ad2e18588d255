package env

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
)

const (
	// readyTimeout is generous: on a busy machine the API server alone was seen to need 16 seconds.
	readyTimeout = 60 * time.Second
	pollInterval = 50 * time.Millisecond
	// logTail is how many bytes of a component's log an error quotes.
	logTail = 2000
)

// process is one running component. Its output goes to a file, because a component that fails says why only there.
type process struct {
	name    string
	logPath string
	cmd     *exec.Cmd
	// ended is closed when the process is gone and has been waited for.
	ended chan struct{}
}

// startProcess runs the binary name of the folder assets, with its log in dir. The process ends with this one where the
// operating system can arrange that, and is not reached by a Ctrl-C in the terminal: Cluster.Stop ends it.
func startProcess(ctx context.Context, assets, dir, name string, args ...string) (*process, error) {
	logPath := filepath.Join(dir, name+".log")
	log, err := os.Create(logPath)
	if err != nil {
		return nil, fmt.Errorf("create the log of %s: %w", name, err)
	}
	defer func() { _ = log.Close() }() // the child has its own handle

	// The process outlives the start, so it must not end with what bounds the start.
	cmd := exec.CommandContext(context.WithoutCancel(ctx), filepath.Join(assets, name), args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, log, log
	cmd.SysProcAttr = childAttributes()
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	p := &process{name: name, logPath: logPath, cmd: cmd, ended: make(chan struct{})}
	go func() {
		defer close(p.ended)
		_ = cmd.Wait() // how it ended matters only while waiting for readiness, and the log says it better
	}()
	return p, nil
}

// waitReady returns when probe returns nil. It fails when the process ends first, after readyTimeout, or when ctx is done.
func (p *process) waitReady(ctx context.Context, probe func(context.Context) error) error {
	var last error
	err := wait.PollUntilContextTimeout(ctx, pollInterval, readyTimeout, true, func(ctx context.Context) (bool, error) {
		select {
		case <-p.ended:
			return false, fmt.Errorf("%s ended", p.name)
		default:
		}
		last = probe(ctx)
		return last == nil, nil
	})
	if err != nil {
		return fmt.Errorf("wait for %s: %w (last answer: %w); the end of %s:\n%s", p.name, err, last, p.logPath, p.tail())
	}
	return nil
}

func (p *process) tail() []byte {
	content, err := os.ReadFile(p.logPath)
	if err != nil {
		return nil
	}
	return bytes.TrimSpace(content[max(0, len(content)-logTail):])
}

// kill ends the process without asking: its data is thrown away, and an API server with clients connected takes a minute to go
// when it is asked.
func (p *process) kill() error {
	select {
	case <-p.ended:
		return nil
	default:
	}
	if err := p.cmd.Process.Kill(); err != nil {
		return fmt.Errorf("kill %s: %w", p.name, err)
	}
	<-p.ended
	return nil
}
