package evidence

import "testing"

func TestFileNames(t *testing.T) {
	for _, second := range []string{"top/hosts/c/network_log.txt", "TOP/hosts/C/Network_Log.TXT", "top/hosts/c/network_log.txt.", "top/hosts/c. /network_log.txt", `top\hosts\c\network_log.txt`,
		"./top//hosts/c/network_log.txt", "top/x/../hosts/c/network_log.txt", "top/hoſts/c/networK_log.txt"} {
		n := FileNames{}
		if err := n.Add("top/hosts/c/network_log.txt"); err != nil {
			t.Fatal(err)
		}
		if n.Add("top/hosts/c/network_log.1") != nil || n.Add("top/hosts/e/network_log.txt") != nil {
			t.Error("other names are taken for the same")
		}
		if n.Add(second) == nil {
			t.Errorf("%q is taken for another name", second)
		}
	}
}
