//go:build !windows

package winservice

import (
	"context"
	"errors"
	"io"
	"log/slog"

	"rtmtgrab/internal/advice"
)

var errNoServices = advice.Usage(advice.WithHint(errors.New("grab service is for Windows"), "on this system use systemd: configs/grab.service is the unit"))

func Install(string, func(string, ...any)) (Report, error) {
	return Report{}, errNoServices
}

func Uninstall(context.Context, func(string, ...any)) (Report, error) {
	return Report{}, errNoServices
}

func Start(context.Context) (Report, error) { return Report{}, errNoServices }
func Stop(context.Context) (Report, error)  { return Report{}, errNoServices }
func Reload(func(string, ...any)) (Report, error) {
	return Report{}, errNoServices
}
func Status() (Report, error) { return Report{}, errNoServices }

func Managed() error { return errNoServices }

func Run(func(context.Context, *slog.Logger, *Host) error, func(error, io.Writer) int) error {
	return errNoServices
}
