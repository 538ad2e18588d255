package scenarios_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	osuser "os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"

	"github.com/sluice-operator/sluice/test/env"
	"github.com/sluice-operator/sluice/test/story"
)

// postgres is a PostgreSQL server that asks everybody for a password.
type postgres struct {
	*env.Process

	port string
}

const administrator = "administrator-of-a-test"

// startPostgres starts a server with one database, grafana, that ends with the spec. It runs as nobody when the tests run as root, which
// PostgreSQL refuses to do.
func startPostgres(ctx context.Context) *postgres {
	GinkgoHelper()
	dir, err := os.MkdirTemp("", "sluice-postgres-")
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(os.RemoveAll, dir)
	password := filepath.Join(dir, "password")
	Expect(os.WriteFile(password, []byte(administrator), 0o600)).To(Succeed())

	var as []string
	if os.Geteuid() == 0 {
		nobody, err := osuser.Lookup("nobody")
		Expect(err).NotTo(HaveOccurred())
		uid, err := strconv.Atoi(nobody.Uid)
		Expect(err).NotTo(HaveOccurred())
		for _, path := range []string{dir, password} {
			Expect(os.Chown(path, uid, -1)).To(Succeed())
		}
		// What a process asks for at the death of its parent is lost when it becomes somebody else.
		as = []string{"setpriv", "--reuid", nobody.Uid, "--regid", nobody.Gid, "--clear-groups", "--pdeathsig", "KILL", "--"}
	}
	// Nobody may be unable to enter the folder of the project.
	programs, err := filepath.EvalSymlinks(world.Path("bin/postgres"))
	Expect(err).NotTo(HaveOccurred())
	data := filepath.Join(dir, "data")
	initdb := slices.Concat(as, []string{
		filepath.Join(programs, "initdb"), "--pgdata", data, "--username", "postgres", "--pwfile", password,
		"--auth", "scram-sha-256", "--locale", "C", "--encoding", "UTF8", "--no-sync",
	})
	cmd := exec.CommandContext(ctx, initdb[0], initdb[1:]...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	Expect(err).NotTo(HaveOccurred(), string(out))

	ports, err := env.FreePorts(ctx, 1)
	Expect(err).NotTo(HaveOccurred())
	server := slices.Concat(as, []string{
		filepath.Join(programs, "postgres"), "-D", data, "-p", ports[0],
		"-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "fsync=off",
	})
	program, err := exec.LookPath(server[0])
	Expect(err).NotTo(HaveOccurred())
	process, err := env.StartProcess(ctx, dir, program, nil, server[1:]...)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(process.Stop)
	p := &postgres{Process: process, port: ports[0]}
	Expect(process.WaitReady(ctx, func(ctx context.Context) error {
		return p.try(ctx, "postgres", "CREATE ROLE grafana; CREATE DATABASE grafana OWNER grafana")
	})).To(Succeed())
	return p
}

// address is that of the server, as it stands in a URI.
func (p *postgres) address() string { return net.JoinHostPort("127.0.0.1", p.port) }

// environment is that of a client.
func (p *postgres) environment(variables ...string) []string {
	path := world.Path("bin/postgres") + string(os.PathListSeparator) + os.Getenv("PATH")
	return slices.Concat(os.Environ(), variables, []string{"PATH=" + path, "PGHOST=127.0.0.1", "PGPORT=" + p.port})
}

// try runs statements as the administrator, who has the given variables in the environment.
func (p *postgres) try(ctx context.Context, database, statements string, variables ...string) error {
	cmd := exec.CommandContext(ctx, world.Path("bin/postgres/psql"),
		"--no-psqlrc", "--quiet", "--set", "ON_ERROR_STOP=1", "--username", "postgres", "--dbname", database)
	cmd.Env = p.environment(append(variables, "PGPASSWORD="+administrator)...)
	cmd.Stdin = strings.NewReader(statements)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("psql: %w: %s", err, out)
	}
	return nil
}

// run is try for what succeeds.
func (p *postgres) run(ctx context.Context, statements string, variables ...string) {
	GinkgoHelper()
	Expect(p.try(ctx, "grafana", statements, variables...)).To(Succeed())
}

// refusals is how many logins the server has refused for their password.
func (p *postgres) refusals() int {
	GinkgoHelper()
	log, err := p.Log()
	Expect(err).NotTo(HaveOccurred())
	return strings.Count(log, "password authentication failed for user")
}

// mount holds the keys of a Secret as files, as a Pod that mounts it sees them: some time after it has changed, and all at once.
type mount struct {
	path string
}

func newMount() *mount { return &mount{path: filepath.Join(GinkgoT().TempDir(), "secret")} }

// follow brings the files to where a Secret is.
func (m *mount) follow(s *corev1.Secret) {
	GinkgoHelper()
	version := m.path + "-" + s.ResourceVersion
	Expect(os.MkdirAll(version, 0o700)).To(Succeed())
	for key, value := range s.Data {
		Expect(os.WriteFile(filepath.Join(version, key), value, 0o600)).To(Succeed())
	}
	Expect(os.Symlink(version, version+".link")).To(Succeed())
	Expect(os.Rename(version+".link", m.path)).To(Succeed())
}

// logins is a client that logs in all the time.
type logins struct {
	succeeded atomic.Int64
	end       func()

	mutex    sync.Mutex
	failures []string
}

// logInAllTheTime runs a script of a client again and again, until the spec ends or end is called.
func (p *postgres) logInAllTheTime(ctx context.Context, script string, variables ...string) *logins {
	l := &logins{}
	ended, end := context.WithCancel(ctx)
	var done sync.WaitGroup
	done.Go(func() {
		for ended.Err() == nil {
			l.once(ctx, script, p.environment(variables...))
		}
	})
	l.end = func() { end(); done.Wait() }
	DeferCleanup(l.end)
	return l
}

func (l *logins) once(ctx context.Context, script string, environment []string) {
	ctx, cancel := context.WithTimeout(ctx, story.Patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", "-c", script)
	cmd.Env = environment
	if out, err := cmd.CombinedOutput(); err != nil {
		l.mutex.Lock()
		defer l.mutex.Unlock()
		l.failures = append(l.failures, fmt.Sprintf("%v: %s", err, out))
		return
	}
	l.succeeded.Add(1)
}

// expectMore waits for logins that have begun after now. None may have failed.
func (l *logins) expectMore() {
	GinkgoHelper()
	enough := l.succeeded.Load() + 3 // one may be under way
	Eventually(l.count).Should(BeNumerically(">=", enough))
}

// expectNoFailure ends the logins and expects that none has failed.
func (l *logins) expectNoFailure() {
	GinkgoHelper()
	l.end()
	_, err := l.count()
	Expect(err).NotTo(HaveOccurred())
}

// count returns how many logins have succeeded, and an error that ends all waiting when one has failed.
func (l *logins) count() (int64, error) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if len(l.failures) > 0 {
		return 0, StopTrying(strings.Join(l.failures, "\n"))
	}
	return l.succeeded.Load(), nil
}
