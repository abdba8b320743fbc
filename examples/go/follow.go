package main

import (
	"context"
	"math/rand"
	"time"

	"github.com/Khan/genqlient/graphql"
)

// follow subscribes again whenever the connection is lost; `subscribe` says from where, `handle` hears the events.
func follow[E any](ctx context.Context, token string, subscribe func(graphql.WebSocketClient) (chan E, string, error), handle func(E)) {
	for ; ; time.Sleep(time.Duration(rand.Intn(1000)) * time.Millisecond) {
		client := connect(token)
		lost, err := client.Start(ctx)
		if err != nil {
			continue
		}
		events, _, err := subscribe(client)
		for err == nil {
			select {
			case event := <-events:
				handle(event)
			case err = <-lost:
			}
		}
	}
}

func followMessages(ctx context.Context, token, roomID, after string, numbers chan<- int) {
	subscribe := func(client graphql.WebSocketClient) (chan MessagesWsResponse, string, error) {
		return Messages(ctx, client, roomID, &after)
	}
	follow(ctx, token, subscribe, func(event MessagesWsResponse) {
		after = event.Data.MessageAdded.Cursor
		numbers <- event.Data.MessageAdded.Message.Number
	})
}

func followRooms(ctx context.Context, token, roomID string, counts chan<- int) {
	var after *string
	subscribe := func(client graphql.WebSocketClient) (chan RoomsWsResponse, string, error) {
		return Rooms(ctx, client, after)
	}
	follow(ctx, token, subscribe, func(event RoomsWsResponse) {
		after = &event.Data.RoomsChanged.Cursor
		for _, room := range event.Data.RoomsChanged.Rooms {
			if room.Id == roomID {
				counts <- room.MessageCount
			}
		}
	})
}
