package mirror

import (
	"bytes"
	"compress/flate"
	"compress/zlib"
	"io"
	"math/rand/v2"
	"testing"
)

// deflate compresses with the standard library.
func deflate(level int, b []byte) []byte {
	var out bytes.Buffer
	w, err := zlib.NewWriterLevel(&out, level)
	if err != nil {
		panic(err)
	}
	w.Write(b)
	w.Close()
	return out.Bytes()
}

// samples have long and short codes, far and near repetitions, and none.
func samples() (out [][]byte) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{0, 1, 2, 100, 500, 4000, 70000} {
		text, noise, skewed := make([]byte, n), make([]byte, n), make([]byte, n)
		for i := range n {
			noise[i] = byte(r.Uint32())
			text[i] = "tree parent author committer APP-1\n"[r.IntN(35)]
			skewed[i] = byte(r.ExpFloat64() * 12)
		}
		out = append(out, text, noise, skewed, bytes.Repeat([]byte("ab"), n/2), append(noise, noise...))
	}
	return out
}

func TestInflate(t *testing.T) {
	var z inflater
	for i, want := range samples() {
		for _, level := range []int{flate.NoCompression, flate.BestSpeed, flate.BestCompression, flate.HuffmanOnly} {
			src := deflate(level, want)
			dst := make([]byte, len(want))
			n, err := z.inflate(dst, append(src[:len(src):len(src)], "what follows"...))
			if err != nil || n != len(src) || !bytes.Equal(dst, want) {
				t.Fatalf("sample %d, level %d: took %d of %d, %v", i, level, n, len(src), err)
			}
			for cut := 0; cut < len(src); cut += 1 + cut/5 {
				if _, err := z.inflate(dst, src[:cut]); err != errShort {
					t.Fatalf("sample %d, level %d, cut at %d: %v", i, level, cut, err)
				}
			}
			if _, err := z.inflate(make([]byte, len(want)+1), src); err != errSize {
				t.Errorf("too large a size: %v", err)
			}
			if len(want) > 0 {
				if _, err := z.inflate(dst[1:], src); err != errSize {
					t.Errorf("too small a size: %v", err)
				}
				src[len(src)-1]++
				if _, err := z.inflate(dst, src); err != errSum {
					t.Errorf("wrong checksum: %v", err)
				}
			}
		}
	}
}

// FuzzInflate compares with the standard library on any bytes.
func FuzzInflate(f *testing.F) {
	for _, b := range samples() {
		if len(b) < 5000 {
			f.Add(deflate(flate.BestCompression, b))
			f.Add(deflate(flate.NoCompression, b))
		}
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		var z inflater
		in := bytes.NewReader(src)
		var want []byte
		r, err := zlib.NewReader(in)
		if err == nil {
			want, err = io.ReadAll(io.LimitReader(r, 1<<20))
		}
		if err == nil {
			_, err = r.Read(make([]byte, 1))
		}
		if err == nil || len(want) == 1<<20 {
			return // larger than we look
		}
		dst := make([]byte, len(want))
		n, ours := z.inflate(dst, src)
		if err == io.EOF {
			if ours != nil || n != len(src)-in.Len() || !bytes.Equal(dst, want) {
				t.Fatalf("took %d of %d, %v", n, len(src)-in.Len(), ours)
			}
			return
		}
		if ours == nil {
			t.Fatalf("accepted what the standard library refuses: %v", err)
		}
	})
}

func BenchmarkInflate(b *testing.B) {
	text := samples()[4*5] // 500 bytes, as a commit
	src := deflate(flate.DefaultCompression, text)
	dst := make([]byte, len(text))
	var z inflater
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if _, err := z.inflate(dst, src); err != nil {
			b.Fatal(err)
		}
	}
}
