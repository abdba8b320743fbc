#!/usr/bin/env bash
# A conversation with Madang through curl: requests by POST, subscriptions as server-sent events. Needs curl and jq.
set -euo pipefail
url="${MADANG_URL:-http://localhost:8000}/graphql"
work=$(mktemp -d)
trap 'rm -rf "$work"; kill $(jobs -p) 2>/dev/null || true' EXIT

# ask QUERY VARIABLES: the data of the answer; repeats the request while the connection fails.
ask() {
  jq -nc --arg query "$1" --argjson variables "$2" '{$query, $variables}' |
    curl --silent --fail-with-body --retry 100 --retry-all-errors --retry-max-time 60 --retry-delay 1 \
      --header 'Content-Type: application/json' ${token:+--header "Authorization: Bearer $token"} \
      --data-binary @- "$url" | jq -ec '.data'
}

# follow SUBSCRIPTION VARIABLES: one event a line. A cut connection is opened again, behind the last cursor.
follow() {
  local variables=$2 line after
  while true; do
    while IFS= read -r line; do
      case $line in
        'data: {'*)
          line=$(jq -c '.data.event' <<<"${line#data: }")
          printf '%s\n' "$line"
          after=$(jq -r '.cursor' <<<"$line")
          variables=$(jq -c --arg after "$after" '. + {$after}' <<<"$variables")
          ;;
      esac
    done < <(jq -nc --arg query "$1" --argjson variables "$variables" '{$query, $variables}' |
      curl --silent --no-buffer --header 'Content-Type: application/json' --header 'Accept: text/event-stream' \
        --header "Authorization: Bearer $token" --data-binary @- "$url")
    sleep 0.$((RANDOM % 10))
  done
}

token=
token=$(ask 'mutation { createVisitor { token } }' '{}' | jq -r '.createVisitor.token')
room=$(ask 'mutation ($name: String!) { createRoom(input: { name: $name }) { room { id messages { resumeCursor } } } }' \
  "{\"name\":\"curl $RANDOM$RANDOM$RANDOM\"}" | jq -c '.createRoom.room')
id=$(jq -r '.id' <<<"$room")
echo "room $id"

follow 'subscription ($roomId: ID!, $after: String) {
  event: messageAdded(roomId: $roomId, after: $after) { cursor message { number text } } }' \
  "$(jq -c '{roomId: .id, after: .messages.resumeCursor}' <<<"$room")" >"$work/messages" &
follow 'subscription ($after: String) { event: roomsChanged(after: $after) { cursor rooms { id messageCount } } }' \
  '{}' >"$work/rooms" &

for number in $(seq 1 10); do
  ask 'mutation ($input: SendMessageInput!) { sendMessage(input: $input) { cursor } }' \
    "{\"input\":{\"roomId\":\"$id\",\"text\":\"message $number\",\"idempotencyKey\":\"$id $number\"}}" >"$work/sent"
done

until [ "$(wc -l <"$work/messages")" -ge 10 ] && grep -q "\"$id\",\"messageCount\":10}" "$work/rooms"; do sleep 0.1; done
numbers=$(jq -c '.message.number' "$work/messages" | paste -sd,)
[ "$numbers" = 1,2,3,4,5,6,7,8,9,10 ] && echo ok || echo "wrong: $numbers"
