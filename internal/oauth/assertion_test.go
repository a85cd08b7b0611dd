package oauth

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

// opened takes a JWT apart and judges its signature by the standard library alone.
func opened(t *testing.T, jwt string, key *rsa.PublicKey) (header, claims string) {
	t.Helper()
	parts := strings.Split(jwt, ".")
	if len(parts) != 3 {
		t.Fatal(jwt)
	}
	var raw [3]string
	for i, p := range parts {
		b, err := base64.RawURLEncoding.DecodeString(p)
		if err != nil {
			t.Fatal(err)
		}
		raw[i] = string(b)
	}
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	var err error
	if strings.Contains(raw[0], `"alg":"PS256"`) {
		err = rsa.VerifyPSS(key, crypto.SHA256, sum[:], []byte(raw[2]), &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
	} else {
		err = rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], []byte(raw[2]))
	}
	if err != nil {
		t.Error(err)
	}
	return raw[0], raw[1]
}

// TestAssertions: what is signed is byte for byte what the endpoints' documents ask for.
func TestAssertions(t *testing.T) {
	text, key, der := pair(t, time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC))
	long, short := sha256.Sum256(der), sha1.Sum(der)
	x5t256, x5t := base64.RawURLEncoding.EncodeToString(long[:]), base64.RawURLEncoding.EncodeToString(short[:])
	now := time.Date(2026, 3, 2, 14, 14, 7, 123456789, time.UTC)
	const times = `"exp":1772461447,"iat":1772460817`
	cfg := Config{ClientID: "client <1>", Certificate: said(text), TokenURL: "https://token.example.com/t?a=1&b=2", User: "rtmt@example.com", Scopes: []string{"mail", "more"}}

	for entra, want := range map[bool]string{
		true:  fmt.Sprintf(`{"alg":"PS256","typ":"JWT","x5t#S256":"%s"}`, x5t256),
		false: fmt.Sprintf(`{"alg":"RS256","typ":"JWT","x5t":"%s","x5t#S256":"%s"}`, x5t, x5t256),
	} {
		cfg.Entra = entra
		s := &Source{cfg: cfg, now: func() time.Time { return now }}
		jwt, err := s.clientAssertion(cfg.TokenURL)
		if err != nil {
			t.Fatal(err)
		}
		header, claims := opened(t, jwt, &key.PublicKey)
		if header != want {
			t.Errorf("%s, want %s", header, want)
		}
		var c struct{ JTI string }
		if err := json.Unmarshal([]byte(claims), &c); err != nil || len(c.JTI) < 20 {
			t.Errorf("%v %s", err, claims)
		}
		want = `{"aud":"https://token.example.com/t?a=1\u0026b=2",` + times + `,"iss":"client \u003c1\u003e","jti":"` + c.JTI + `","nbf":1772460817,"sub":"client \u003c1\u003e"}`
		if claims != want {
			t.Errorf("%s, want %s", claims, want)
		}
	}

	a := &serviceAccount{Email: "grab@x.iam.gserviceaccount.com", Key: text[strings.Index(text, "-----BEGIN PRIVATE"):], KeyID: "k1"}
	for id, want := range map[string]string{"k1": `{"alg":"RS256","kid":"k1","typ":"JWT"}`, "": `{"alg":"RS256","typ":"JWT"}`} {
		a.KeyID = id
		jwt, err := a.assertion(cfg, now)
		if err != nil {
			t.Fatal(err)
		}
		header, claims := opened(t, jwt, &key.PublicKey)
		if header != want {
			t.Errorf("%s, want %s", header, want)
		}
		want = `{"aud":"https://token.example.com/t?a=1\u0026b=2",` + times + `,"iss":"grab@x.iam.gserviceaccount.com","scope":"mail more","sub":"rtmt@example.com"}`
		if claims != want {
			t.Errorf("%s, want %s", claims, want)
		}
	}
}
