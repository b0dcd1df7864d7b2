// A test in Go that decides what becomes of its broker: prints "ok NAME" for each thing that holds.
//
//	kompakt exec --test-control --clock virtual --from SEED --set log.cleanup.policy=compact -- go run . DIRECTORY
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/segmentio/kafka-go"
)

var servers, url = os.Getenv("KAFKA_BROKERS"), os.Getenv("KOMPAKT_HTTP_URL")

type options map[string]any

// What there is in any of the answers.
type answer struct {
	ID         int    `json:"id"`
	Hits       int    `json:"hits"`
	IsOver     bool   `json:"isOver"`
	Option     string `json:"option"`
	Type       string `json:"type"`
	Saw        string `json:"saw"`
	Kind       string `json:"kind"`
	NowMs      int64  `json:"nowMs"`
	Directory  string `json:"directory"`
	Faults     []struct{ ID int }
	Requests   []struct{ Error string }
	Records    []struct{ Text string }
	Receipts   []struct{ Topic string }
	Members    []struct{ Partitions []struct{ Topic string } }
	Partitions []struct{ Offset, CleanUpToOffset int }
}

// The body nil: none.
func ask(method, path string, body options) (int, answer) {
	var text []byte
	if body != nil {
		var err error
		text, err = json.Marshal(body)
		must(err)
	}
	request, err := http.NewRequest(method, url+path, bytes.NewReader(text))
	must(err)
	if body != nil {
		request.Header.Set("content-type", "application/json")
	}
	response, err := http.DefaultClient.Do(request)
	must(err)
	defer response.Body.Close()
	var found answer
	must(json.NewDecoder(response.Body).Decode(&found))
	return response.StatusCode, found
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func same(expected, found any) {
	if fmt.Sprint(expected) != fmt.Sprint(found) {
		panic(fmt.Sprintf("expected %v, found %v", expected, found))
	}
}

func send(ctx context.Context, topic string, values ...string) {
	writer := &kafka.Writer{
		Addr:                   kafka.TCP(servers),
		Topic:                  topic,
		BatchSize:              1,
		RequiredAcks:           kafka.RequireAll,
		WriteBackoffMin:        20 * time.Millisecond,
		AllowAutoTopicCreation: true,
		Transport:              &kafka.Transport{ClientID: "go"},
	}
	for _, value := range values {
		must(writer.WriteMessages(ctx, kafka.Message{Key: []byte("k"), Value: []byte(value)}))
	}
	must(writer.Close())
}

func faults(ctx context.Context) {
	status, made := ask("POST", "/test/faults",
		options{"api": "Produce", "topic": "orders", "error": "NOT_LEADER_OR_FOLLOWER", "times": 2})
	same(200, status)
	send(ctx, "orders", "first")
	_, now := ask("GET", fmt.Sprintf("/test/faults/%d", made.ID), nil)
	same([]any{made.ID, 2, true}, []any{now.ID, now.Hits, now.IsOver})
	_, all := ask("GET", "/test/faults", nil)
	same(1, len(all.Faults))
	status, _ = ask("DELETE", fmt.Sprintf("/test/faults/%d", made.ID), nil)
	same(200, status)
	_, all = ask("DELETE", "/test/faults", nil)
	same(0, len(all.Faults))
	status, problem := ask("POST", "/test/faults", options{"api": "Produce", "error": "NOT_LEADER"})
	same([]any{400, "error"}, []any{status, problem.Option})
}

func requests(context.Context) {
	_, seen := ask("GET", "/test/requests?api=Produce&client-id=go", nil)
	same("[{NOT_LEADER_OR_FOLLOWER} {NOT_LEADER_OR_FOLLOWER} {NONE}]", seen.Requests)
	status, _ := ask("GET", "/test/gaps", nil)
	same(200, status)
}

// A consumer reads beside us, as an application would.
func group(ctx context.Context) {
	reader := kafka.NewReader(kafka.ReaderConfig{
		Brokers: []string{servers}, GroupID: "shop", Topic: "orders", MaxWait: 100 * time.Millisecond,
	})
	reading, stop := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			if _, err := reader.ReadMessage(reading); err != nil {
				return
			}
		}
	}()
	status, stable := ask("POST", "/test/groups/shop/stable", options{"members": 1, "timeoutMs": 20000})
	same([]any{200, "[{[{orders}]}]"}, []any{status, fmt.Sprint(stable.Members)})
	send(ctx, "orders", "second", "third")
	status, committed := ask("POST", "/test/groups/shop/committed", options{"timeoutMs": 20000})
	same([]any{200, 3}, []any{status, committed.Partitions[0].Offset})
	stop()
	<-done
	must(reader.Close())
}

func texts(topic string, body options) string {
	_, read := ask("POST", "/test/topics/"+topic+"/records", body)
	return fmt.Sprint(read.Records)
}

func waits(context.Context) {
	same("[{first} {second} {third}]", texts("orders", options{"atLeast": 3}))
	status, problem := ask("POST", "/test/topics/orders/records", options{"atLeast": 4, "timeoutMs": 10})
	same([]any{409, "urn:kompakt:wait-failed", "there are 3"}, []any{status, problem.Type, problem.Saw})
	status, problem = ask("POST", "/test/groups/shop/stable", options{"members": 0})
	same([]any{400, "members"}, []any{status, problem.Option})
}

func compaction(context.Context) {
	status, done := ask("POST", "/test/topics/orders/compacted", nil)
	same([]any{200, 3}, []any{status, done.Partitions[0].CleanUpToOffset})
	same("[{third}]", texts("orders", nil))
	status, done = ask("POST", "/test/topics/orders/compact", options{"includeActive": true})
	same([]any{200, "[{orders}]"}, []any{status, fmt.Sprint(done.Receipts)})
}

func clock(context.Context) {
	_, before := ask("GET", "/test/clock", nil)
	same("virtual", before.Kind)
	_, after := ask("POST", "/test/clock/advance", options{"by": "8d"})
	same(before.NowMs+8*86_400_000, after.NowMs)
	status, problem := ask("POST", "/test/clock/advance", options{"by": "-1s"})
	same([]any{400, "clock.advance"}, []any{status, problem.Option})
}

func snapshot(context.Context) {
	into := options{"directory": os.Args[1]}
	status, taken := ask("POST", "/test/snapshots", into)
	same([]any{200, os.Args[1]}, []any{status, taken.Directory})
	_, err := os.Stat(filepath.Join(os.Args[1], "meta.properties"))
	must(err)
	status, problem := ask("POST", "/test/snapshots", into)
	same([]any{400, "directory"}, []any{status, problem.Option})
}

func reset(ctx context.Context) {
	send(ctx, "seed", "changed")
	status, _ := ask("POST", "/test/reset", nil)
	same(200, status)
	status, problem := ask("POST", "/test/topics/orders/records", options{"atLeast": 0})
	same([]any{400, "topic"}, []any{status, problem.Option})
	same("[{seed}]", texts("seed", nil))
	_, seen := ask("GET", "/test/requests", nil)
	same(0, len(seen.Requests))
	send(ctx, "orders", "again")
	same("[{again}]", texts("orders", nil))
}

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	for _, test := range []struct {
		name string
		run  func(context.Context)
	}{
		{"faults", faults}, {"requests", requests}, {"group", group}, {"waits", waits},
		{"compaction", compaction}, {"clock", clock}, {"snapshot", snapshot}, {"reset", reset},
	} {
		test.run(ctx)
		fmt.Println("ok", test.name)
	}
}
