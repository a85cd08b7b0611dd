package sshdial

import (
	"fmt"
	"slices"

	"golang.org/x/crypto/ssh"
)

// legacyKeyExchanges are what old releases of Expressway need, the better one
// first (docs/expressway-ssh.md).
var legacyKeyExchanges = []string{ssh.InsecureKeyExchangeDH14SHA1, ssh.InsecureKeyExchangeDH1SHA1}

// clientConfig has the algorithms that are safe, fastest cipher first: all that
// x/crypto has but those with SHA-1. Every Expressway since X8 knows some. With
// legacy those with SHA-1 come last.
func clientConfig(hostKeys []string, legacy bool) *ssh.ClientConfig {
	a := ssh.SupportedAlgorithms()
	var conf ssh.ClientConfig
	conf.KeyExchanges = a.KeyExchanges
	conf.Ciphers = a.Ciphers // aes128-gcm is the first
	conf.MACs = without(a.MACs, ssh.HMACSHA1)
	if legacy {
		conf.KeyExchanges = append(conf.KeyExchanges, legacyKeyExchanges...)
		conf.MACs = append(conf.MACs, ssh.HMACSHA1)
	}
	conf.HostKeyAlgorithms = hostKeys
	conf.ClientVersion = "SSH-2.0-grab"
	return &conf
}

// hostKeyAlgorithms are those that are accepted, in the order in which they are
// asked for. Groups of the same key type stand together, but for SHA-1.
func hostKeyAlgorithms(legacy bool) []string {
	list := []string{
		ssh.KeyAlgoED25519,
		ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521,
		ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256,
	}
	if legacy {
		list = append(list, ssh.KeyAlgoRSA)
	}
	return list
}

// rsaSignatures are the algorithms that an RSA key may sign a login with.
func rsaSignatures(legacy bool) []string {
	list := []string{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256}
	if legacy {
		list = append(list, ssh.KeyAlgoRSA)
	}
	return list
}

// legacy says what of SHA-1 is in use on a leg: "ssh-rsa (host key)". signed is
// the algorithm of the login's signature, empty without one.
func (c stop) legacy(sc ssh.Conn, signed string) []string {
	meta, ok := sc.(ssh.AlgorithmsConnMetadata)
	if !ok {
		return nil
	}
	where := ""
	if c.hop > 0 {
		where = fmt.Sprintf(", hop %d", c.hop)
	}
	var used []string
	say := func(algorithm, what string, old ...string) {
		s := algorithm + " (" + what + where + ")"
		if slices.Contains(old, algorithm) && !slices.Contains(used, s) {
			used = append(used, s)
		}
	}
	a := meta.Algorithms()
	say(a.KeyExchange, "key exchange", legacyKeyExchanges...)
	say(a.HostKey, "host key", ssh.KeyAlgoRSA)
	say(a.Read.MAC, "mac", ssh.HMACSHA1)
	say(a.Write.MAC, "mac", ssh.HMACSHA1)
	say(signed, "login", ssh.KeyAlgoRSA)
	return used
}
