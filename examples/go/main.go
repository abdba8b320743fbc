package main

import (
	"context"
	"fmt"
	"math/rand"
	"net/http"
	"time"

	"github.com/Khan/genqlient/graphql"
	"github.com/google/uuid"
)

//go:generate go run github.com/Khan/genqlient

// again repeats a request while the connection fails. Safe for sending: each message has a key of its own.
func again[T any](work func() (T, error)) T {
	for {
		if answer, err := work(); err == nil {
			return answer
		}
		time.Sleep(time.Duration(rand.Intn(600)) * time.Millisecond)
	}
}

func main() {
	ctx := context.Background()
	visitor := again(func() (*CreateVisitorResponse, error) {
		return CreateVisitor(ctx, graphql.NewClient(url, http.DefaultClient))
	})
	token := *visitor.CreateVisitor.Token
	client := graphql.NewClient(url, &http.Client{Transport: bearer(token)})
	created := again(func() (*CreateRoomResponse, error) { return CreateRoom(ctx, client, "go "+uuid.NewString()) })
	room := created.CreateRoom.Room
	fmt.Println("room", room.Id)

	messages, rooms := make(chan int), make(chan int, 100)
	go followMessages(ctx, token, room.Id, room.Messages.ResumeCursor, messages)
	go followRooms(ctx, token, room.Id, rooms)
	for number := 1; number <= 10; number++ {
		key, text := uuid.NewString(), fmt.Sprintf("message %d", number)
		input := SendMessageInput{RoomId: room.Id, Text: text, IdempotencyKey: &key}
		go again(func() (*SendResponse, error) { return Send(ctx, client, input) })
		if got := <-messages; got != number {
			panic(fmt.Sprintf("expected message %d, got %d", number, got))
		}
		time.Sleep(200 * time.Millisecond)
	}
	for count := range rooms {
		if count == 10 {
			break
		}
	}
	fmt.Println("ok")
}
