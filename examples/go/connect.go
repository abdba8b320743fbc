package main

import (
	"cmp"
	"context"
	"net/http"
	"os"
	"strings"

	"github.com/Khan/genqlient/graphql"
	"github.com/gorilla/websocket"
)

var url = cmp.Or(os.Getenv("MADANG_URL"), "http://localhost:8000") + "/graphql"

// bearer sends a visitor's token with each request.
type bearer string

func (token bearer) RoundTrip(request *http.Request) (*http.Response, error) {
	request = request.Clone(request.Context())
	request.Header.Set("Authorization", "Bearer "+string(token))
	return http.DefaultTransport.RoundTrip(request)
}

type dialer struct{ *websocket.Dialer }

func (d dialer) DialContext(ctx context.Context, url string, header http.Header) (graphql.WSConn, error) {
	conn, _, err := d.Dialer.DialContext(ctx, url, header)
	return conn, err
}

func connect(token string) graphql.WebSocketClient {
	params := graphql.WithConnectionParams(map[string]any{"token": token})
	address := strings.Replace(url, "http", "ws", 1)
	return graphql.NewClientUsingWebSocket(address, dialer{websocket.DefaultDialer}, params)
}
