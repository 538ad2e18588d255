package env

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
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

// Process is one running program. Its output goes to a file, because a program that fails says why only there.
type Process struct {
	name    string
	logPath string
	cmd     *exec.Cmd
	// ended is closed when the process is gone and has been waited for.
	ended chan struct{}
}

// StartProcess runs a binary. Its output is added to the log file NAME.log in dir, where NAME is the binary's name; variables are added to this
// process's environment. It ends with this process where the operating system can arrange that, and is not reached by a Ctrl-C in the terminal:
// Kill or Stop ends it. ctx bounds nothing but the start.
func StartProcess(ctx context.Context, dir, binary string, variables []string, args ...string) (*Process, error) {
	name := filepath.Base(binary)
	logPath := filepath.Join(dir, name+".log")
	log, err := os.OpenFile(logPath, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the log of %s: %w", name, err)
	}
	defer func() { _ = log.Close() }() // the child has its own handle

	cmd := exec.CommandContext(context.WithoutCancel(ctx), binary, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, log, log
	cmd.Env = append(os.Environ(), variables...)
	cmd.SysProcAttr = childAttributes()
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	p := &Process{name: name, logPath: logPath, cmd: cmd, ended: make(chan struct{})}
	go func() {
		defer close(p.ended)
		_ = cmd.Wait() // how it ended matters only while waiting for readiness, and the log says it better
	}()
	return p, nil
}

// WaitReady returns when probe returns nil. It fails when the process ends first, after readyTimeout, or when ctx is done.
func (p *Process) WaitReady(ctx context.Context, probe func(context.Context) error) error {
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

func (p *Process) tail() []byte {
	content, err := os.ReadFile(p.logPath)
	if err != nil {
		return nil
	}
	return bytes.TrimSpace(content[max(0, len(content)-logTail):])
}

// Log returns all that the process, and others of its name in the same folder before it, have put out so far.
func (p *Process) Log() (string, error) {
	content, err := os.ReadFile(p.logPath)
	return string(content), err
}

// PID returns the number by which the operating system knows the process.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Kill ends the process without asking, and returns when it is gone. An API server with clients connected takes a minute to go when it is
// asked.
func (p *Process) Kill() error { return p.end(os.Kill) }

// Stop asks the process to end, and returns when it is gone.
func (p *Process) Stop() error { return p.end(syscall.SIGTERM) }

func (p *Process) end(signal os.Signal) error {
	select {
	case <-p.ended:
		return nil
	default:
	}
	if err := p.cmd.Process.Signal(signal); err != nil {
		return fmt.Errorf("end %s: %w", p.name, err)
	}
	select {
	case <-p.ended:
		return nil
	case <-time.After(readyTimeout):
		return fmt.Errorf("%s did not end within %s", p.name, readyTimeout)
	}
}
