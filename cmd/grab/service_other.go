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

func (a *app) serviceInstall(context.Context) error   { return errNoServices }
func (a *app) serviceUninstall(context.Context) error { return errNoServices }
func (a *app) serviceStart(context.Context) error     { return errNoServices }
func (a *app) serviceStop(context.Context) error      { return errNoServices }
func (a *app) serviceReload(context.Context) error    { return errNoServices }
func (a *app) serviceStatus(context.Context) error    { return errNoServices }

func serviceManaged() error { return errNoServices }

func serviceRun(func(context.Context, *slog.Logger, *serviceHost) error, func(error, io.Writer) int) error {
	return errNoServices
}
