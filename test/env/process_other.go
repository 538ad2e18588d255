//go:build !linux

package env

import "syscall"

// childAttributes keeps the terminal's signals from a child. Only Linux can tie its life to that of this process.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
