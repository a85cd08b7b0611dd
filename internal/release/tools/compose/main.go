// Command compose looks at a compose file as compose itself reads it: by the schema of its
// specification, with what the file is made of resolved. It starts nothing.
//
//	compose FILE
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/compose-spec/compose-go/v2/cli"
)

func main() {
	if err := look(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "compose:", err)
		os.Exit(1)
	}
}

func look(files []string) error {
	options, err := cli.NewProjectOptions(files, cli.WithName("grab"), cli.WithOsEnv)
	if err != nil {
		return err
	}
	project, err := options.LoadProject(context.Background())
	if err != nil {
		return err
	}
	for name, s := range project.Services {
		fmt.Printf("service %s: image %s, user %s\n", name, s.Image, s.User)
	}
	return nil
}
