// The library that Centrifugo is built on, with its memory engine and its JSON protocol over WebSocket, as the tutorial
// at https://github.com/centrifugal/centrifuge#tutorial shows a chat: clients subscribe and publish over their own
// connections. The settings of a connection are those of its own benchmark server, _examples/benchmark/bench_server.
// Messages are kept nowhere.
package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log"
	"net"
	"net/http"
	"time"

	"github.com/centrifugal/centrifuge"
)

const (
	queueBytes  = 10 * 1024 * 1024
	idBytes     = 16
	isoMillisec = "2006-01-02T15:04:05.000Z"
)

type visitor struct {
	ID          string `json:"id"`
	DisplayName string `json:"displayName"`
}

type message struct {
	ID        string  `json:"id"`
	Text      string  `json:"text"`
	CreatedAt string  `json:"createdAt"`
	Author    visitor `json:"author"`
}

// An id of the length that those of the other contenders have.
func newID(kind string) string {
	bytes := make([]byte, idBytes)
	_, _ = rand.Read(bytes)
	return base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%s:%x", kind, bytes))
}

func main() {
	node, err := centrifuge.New(centrifuge.Config{
		LogLevel:           centrifuge.LogLevelError,
		LogHandler:         func(entry centrifuge.LogEntry) { log.Printf("%s: %v", entry.Message, entry.Fields) },
		ClientQueueMaxSize: queueBytes,
	})
	if err != nil {
		log.Fatal(err)
	}
	author := visitor{ID: newID("Visitor"), DisplayName: "Quiet Heron 42"}

	node.OnConnecting(func(context.Context, centrifuge.ConnectEvent) (centrifuge.ConnectReply, error) {
		return centrifuge.ConnectReply{
			Credentials:       &centrifuge.Credentials{UserID: ""},
			ReplyWithoutQueue: true,
		}, nil
	})
	node.OnConnect(func(client *centrifuge.Client) {
		client.OnSubscribe(func(_ centrifuge.SubscribeEvent, answer centrifuge.SubscribeCallback) {
			answer(centrifuge.SubscribeReply{}, nil)
		})
		client.OnPublish(func(event centrifuge.PublishEvent, answer centrifuge.PublishCallback) {
			sent := message{ID: newID("Message"), CreatedAt: time.Now().UTC().Format(isoMillisec), Author: author}
			if err := json.Unmarshal(event.Data, &sent); err != nil {
				answer(centrifuge.PublishReply{}, centrifuge.ErrorBadRequest)
				return
			}
			data, err := json.Marshal(sent)
			if err != nil {
				answer(centrifuge.PublishReply{}, err)
				return
			}
			published, err := node.Publish(event.Channel, data)
			answer(centrifuge.PublishReply{Result: &published}, err)
		})
	})
	if err := node.Run(); err != nil {
		log.Fatal(err)
	}

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	http.Handle("/connection/websocket", centrifuge.NewWebsocketHandler(node, centrifuge.WebsocketConfig{}))
	fmt.Printf("listening %d\n", listener.Addr().(*net.TCPAddr).Port)
	log.Fatal(http.Serve(listener, nil))
}
