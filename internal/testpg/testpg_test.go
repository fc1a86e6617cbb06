package testpg

import (
	"testing"

	"github.com/jackc/pgx/v5"
)

func TestMain(m *testing.M) { Main(m) }

func TestEveryTestGetsItsOwnDatabase(t *testing.T) {
	urls := map[string]bool{}
	for range 2 {
		url := New(t)
		conn, err := pgx.Connect(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(t.Context())
		if _, err := conn.Exec(t.Context(), "CREATE TABLE x (id INT)"); err != nil {
			t.Errorf("%s is not fresh: %v", url, err)
		}
		urls[url] = true
	}
	if len(urls) != 2 {
		t.Errorf("got %v, want two databases", urls)
	}
}
