// A test in Go that lets its broker fail, and asks it what was sent: prints "ok NAME" for each thing that holds.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/segmentio/kafka-go"
)

var servers, url = os.Args[1], os.Args[2]

type fault struct {
	ID     int    `json:"id"`
	Hits   int    `json:"hits"`
	IsOver bool   `json:"isOver"`
	Option string `json:"option"`
}

func ask(method, path string, body, answer any) int {
	text, err := json.Marshal(body)
	must(err)
	request, err := http.NewRequest(method, url+path, bytes.NewReader(text))
	must(err)
	if body == nil {
		request, err = http.NewRequest(method, url+path, nil)
		must(err)
	} else {
		request.Header.Set("content-type", "application/json")
	}
	response, err := http.DefaultClient.Do(request)
	must(err)
	defer response.Body.Close()
	must(json.NewDecoder(response.Body).Decode(answer))
	return response.StatusCode
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

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var made, now fault
	options := map[string]any{"api": "Produce", "topic": "payments", "error": "NOT_LEADER_OR_FOLLOWER", "times": 2}
	same(200, ask("POST", "/test/faults", options, &made))
	writer := &kafka.Writer{
		Addr:                   kafka.TCP(servers),
		Topic:                  "payments",
		BatchSize:              1,
		RequiredAcks:           kafka.RequireAll,
		WriteBackoffMin:        20 * time.Millisecond,
		AllowAutoTopicCreation: true,
		Transport:              &kafka.Transport{ClientID: "go"},
	}
	must(writer.WriteMessages(ctx, kafka.Message{Key: []byte("k"), Value: []byte("v")}))
	must(writer.Close())
	same(200, ask("GET", fmt.Sprintf("/test/faults/%d", made.ID), nil, &now))
	same(fault{ID: made.ID, Hits: 2, IsOver: true}, now)
	fmt.Println("ok fault")

	var seen struct {
		Requests []struct {
			Error string `json:"error"`
		} `json:"requests"`
	}
	same(200, ask("GET", "/test/requests?api=Produce&client-id=go", nil, &seen))
	same("[{NOT_LEADER_OR_FOLLOWER} {NOT_LEADER_OR_FOLLOWER} {NONE}]", seen.Requests)
	fmt.Println("ok requests")

	var problem fault
	same(400, ask("POST", "/test/faults", map[string]any{"api": "Produce", "error": "NOT_LEADER"}, &problem))
	same("error", problem.Option)
	fmt.Println("ok problem")

	var done struct {
		Receipts []struct {
			Topic string `json:"topic"`
		} `json:"receipts"`
	}
	same(200, ask("POST", "/test/topics/payments/compact", map[string]any{"includeActive": true}, &done))
	same("[{payments}]", done.Receipts)
	fmt.Println("ok compaction")
}
