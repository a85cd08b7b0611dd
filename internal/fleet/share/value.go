package share

import (
	"bytes"
	"compress/gzip"
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"rtmtgrab/bundle/seal/envelope"
	"rtmtgrab/internal/fleet"
)

// Bounds of a value's contents.
const (
	partSize = 1 << 20 // bytes of a slice
	docSize  = 8 << 20 // of what is said of a host
)

// What is wrong with a value.
var (
	errForeign = errors.New("it is not signed by the collector that it is of")
	errClosed  = errors.New("it is not encrypted to this collector, or was changed")
	errLarge   = errors.New("it is larger than anything that is lent")
)

// magic begins every value.
const magic = "grab lent 1\n"

// signed is what the signature is over: the place where a value was put, and what is in it.
func signed(tenant, key string, closed []byte) []byte {
	return append([]byte(magic+fleet.Token(tenant)+" "+key+"\n"), closed...)
}

// pack is the value of a key: plain, packed, encrypted and signed.
func (k *Keys) pack(tenant, key string, plain []byte, to []string) ([]byte, error) {
	var closed bytes.Buffer
	out, err := envelope.EncryptTo(&closed, to...)
	if err != nil {
		return nil, err
	}
	z, err := gzip.NewWriterLevel(out, gzip.BestSpeed)
	if err != nil {
		return nil, err
	}
	if _, err := z.Write(plain); err != nil {
		return nil, err
	}
	if err := errors.Join(z.Close(), out.Close()); err != nil {
		return nil, err
	}
	value := append([]byte(magic), ed25519.Sign(k.signer, signed(tenant, key, closed.Bytes()))...)
	if value = append(value, closed.Bytes()...); len(value) > fleet.MaxLent {
		return nil, fmt.Errorf("%w: %d bytes", errLarge, len(value))
	}
	return value, nil
}

// open is what stands in the value of a key, at most most bytes of it, if by has signed it and it was
// encrypted to this collector.
func (k *Keys) open(tenant, key string, value []byte, by *fleet.Lends, most int) ([]byte, error) {
	signer, err := hex.DecodeString(by.Signer)
	if err != nil || len(signer) != ed25519.PublicKeySize {
		return nil, errForeign
	}
	rest, ok := bytes.CutPrefix(value, []byte(magic))
	if !ok || len(rest) < ed25519.SignatureSize || len(value) > fleet.MaxLent {
		return nil, errForeign
	}
	signature, closed := rest[:ed25519.SignatureSize], rest[ed25519.SignatureSize:]
	if !ed25519.Verify(signer, signed(tenant, key, closed), signature) {
		return nil, errForeign
	}
	in, err := k.pair.Decrypt(bytes.NewReader(closed))
	if err != nil {
		return nil, errClosed
	}
	z, err := gzip.NewReader(in)
	if err != nil {
		return nil, errClosed
	}
	plain, err := io.ReadAll(io.LimitReader(z, int64(most)+1))
	if err != nil {
		return nil, errClosed
	}
	if len(plain) > most {
		return nil, errLarge
	}
	return plain, nil
}
