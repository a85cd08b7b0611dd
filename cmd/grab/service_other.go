//go:build !windows

package main

import (
	"context"
	"errors"
	"io"
	"log/slog"

	"rtmtgrab/internal/advice"
)

var errNoServices = advice.Usage(advice.WithHint(errors.New("grab service is for Windows"), "here systemd runs grab watch: configs/grab.service is its unit"))

func serviceInstall(string, func(string, ...any)) (serviceReport, error) {
	return serviceReport{}, errNoServices
}

func serviceUninstall(context.Context, func(string, ...any)) (serviceReport, error) {
	return serviceReport{}, errNoServices
}

func serviceStart(context.Context) (serviceReport, error) { return serviceReport{}, errNoServices }
func serviceStop(context.Context) (serviceReport, error)  { return serviceReport{}, errNoServices }
func serviceReload(func(string, ...any)) (serviceReport, error) {
	return serviceReport{}, errNoServices
}
func serviceStatus() (serviceReport, error) { return serviceReport{}, errNoServices }

func serviceManaged() error { return errNoServices }

func serviceRun(func(context.Context, *slog.Logger, *serviceHost) error, func(error, io.Writer) int) error {
	return errNoServices
}
