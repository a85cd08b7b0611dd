package main

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/app/delivery"
	"rtmtgrab/internal/app/inventory"
	"rtmtgrab/internal/app/oneshot"
	"rtmtgrab/internal/collector"
)

func sendCmd(a *app) *cobra.Command {
	q, list, direct := delivery.Ask{}, false, false
	cmd := &cobra.Command{Use: "send BUNDLE --to NAME | send --list", Short: "Hand a bundle over to a destination, or show which deliveries wait", Args: cobra.MaximumNArgs(1), ValidArgsFunction: completeIncident(a, true),
		Long: "BUNDLE is an incident of the store, @last, or a file; NAME is a destination of handover: in the configuration, whose mask,\n" +
			"format and recipients it goes by. A running grab watch does the work, else this command does, and it waits: Ctrl-C ends\n" +
			"the waiting, and the delivery goes on while grab watch runs. Sent once more it replaces what is there.\n" +
			"--drop gives up a delivery that waits. docs/handover.md.",
		RunE: func(cmd *cobra.Command, args []string) error {
			if list {
				return runDeliveries(cmd.Context(), a, direct)
			}
			if len(args) == 0 {
				return advice.Usage(errors.New("name a bundle or an incident, or --list"))
			}
			return runSend(cmd.Context(), a, q, args[0], direct)
		}}
	fl := cmd.Flags()
	fl.StringVar(&q.To, "to", "", "`name` of the destination")
	fl.StringVar(&q.Case, "case", "", "case `number` for this delivery, in place of the incident's")
	fl.BoolVar(&q.Drop, "drop", false, "give up a delivery that waits")
	fl.DurationVar(&q.Wait, "wait", delivery.DefaultWait, "stop waiting after this long without progress; the delivery goes on")
	fl.BoolVar(&list, "list", false, "show what waits to be handed over")
	directFlag(fl, &direct)
	completeDestination(a, cmd)
	cmd.MarkFlagsMutuallyExclusive("list", "to")
	cmd.MarkFlagsMutuallyExclusive("list", "drop")
	return cmd
}

func runSend(ctx context.Context, a *app, q delivery.Ask, name string, direct bool) error {
	ctx, cancel := a.context(ctx)
	defer cancel()
	if err := q.Mean(name); err != nil {
		return err
	}
	var done delivery.Delivered
	if w := runningWatcher(ctx, a, direct); w != nil {
		if _, err := w.Ask(ctx, personOf(a), "/send", q, &done); err != nil {
			return err
		}
		return a.show(done, done.Write)
	}
	dispatcher, err := dispatcherAlone(a)
	if err != nil {
		return err
	}
	if q.File == "" {
		if q.Incident, err = a.finder().ID(name); err != nil {
			return err
		}
	}
	err = dispatcher.Alone(ctx, func(ctx context.Context) error {
		done, err = dispatcher.Do(ctx, q, oneshot.Whoami(), a.say)
		return err
	})
	if err != nil {
		return err
	}
	return a.show(done, done.Write)
}

// dispatcherAlone has the deliveries of a store that no watch works at.
func dispatcherAlone(a *app) (*delivery.Dispatcher, error) {
	cfg, err := a.load(offline)
	if err != nil {
		return nil, err
	}
	return delivery.New(storeOf(cfg), cfg), nil
}

func runDeliveries(ctx context.Context, a *app, direct bool) error {
	ctx, cancel := a.context(ctx)
	defer cancel()
	list := []delivery.Delivered{}
	if w := runningWatcher(ctx, a, direct); w != nil {
		if err := w.Do(ctx, http.MethodGet, "/deliveries", nil, &list); err != nil {
			return err
		}
	} else {
		dispatcher, err := dispatcherAlone(a)
		if err != nil {
			return err
		}
		if list, err = dispatcher.Read(); err != nil {
			return err
		}
	}
	return a.show(list, func(w io.Writer) error { return delivery.WriteQueue(w, list, time.Now()) })
}

func caseCmd(a *app) *cobra.Command {
	none, direct := false, false
	cmd := &cobra.Command{Use: "case INCIDENT NUMBER", Short: "Set the case number under which an incident's bundles are handed over", Args: cobra.RangeArgs(1, 2), ValidArgsFunction: completeIncident(a, false),
		RunE: func(cmd *cobra.Command, args []string) error {
			if none != (len(args) == 1) {
				return advice.Usage(errors.New("name an incident and a number, or an incident and --none"))
			}
			return runCase(cmd.Context(), a, append(args, "")[:2], direct)
		}}
	cmd.Flags().BoolVar(&none, "none", false, "remove the number")
	directFlag(cmd.Flags(), &direct)
	return cmd
}

func runCase(ctx context.Context, a *app, args []string, direct bool) error {
	ctx, cancel := a.context(ctx)
	defer cancel()
	var set collector.CaseSet
	if w := runningWatcher(ctx, a, direct); w != nil {
		if _, err := w.Ask(ctx, personOf(a), "/case", collector.CaseAsk{Incident: args[0], Case: args[1]}, &set); err != nil {
			return err
		}
	} else {
		dispatcher, err := dispatcherAlone(a)
		if err != nil {
			return err
		}
		id, err := inventory.Finder{Store: dispatcher.Opened}.ID(args[0])
		if err != nil {
			return err
		}
		in, err := dispatcher.SetCaseAlone(id, args[1])
		if err != nil {
			return err
		}
		set = collector.CaseSet{Incident: in.ID, Case: in.Case}
	}
	return a.show(set, set.Write)
}
