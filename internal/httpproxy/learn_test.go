package httpproxy

import (
	"encoding/base64"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"

	"rtmtgrab/internal/redact"
)

// TestLearnt: the password of a proxy of the environment is known to be one, as that of the
// configuration is: a proxy may quote what it was sent. The environment is read once in a process.
func TestLearnt(t *testing.T) {
	const word = "zq9-quartz-lantern"
	if os.Getenv("LEARNT") == "" {
		cmd := exec.Command(os.Args[0], "-test.run=^TestLearnt$")
		cmd.Env = append(os.Environ(), "LEARNT=1", "HTTPS_PROXY=http://someone:"+word+"@127.0.0.1:1")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	proxy, err := Of(nil)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequest(http.MethodGet, "https://hook.example.com/", nil)
	if err != nil {
		t.Fatal(err)
	}
	if u, err := proxy(req); err != nil || u == nil {
		t.Fatal(u, err)
	}
	sent := base64.StdEncoding.EncodeToString([]byte("someone:" + word))
	for _, said := range []string{word, sent} {
		if got := redact.Foreign("502 "+said, 200); strings.Contains(got, said[8:16]) {
			t.Errorf("%s is shown", got)
		}
	}
}
