import io.smallrye.graphql.client.dynamic.api.DynamicGraphQLClient;
import io.smallrye.graphql.client.vertx.dynamic.VertxDynamicGraphQLClientBuilder;
import jakarta.json.JsonObject;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ThreadLocalRandom;
import java.util.function.Predicate;

/** Talks to Madang, and talks on when the connection was lost. */
class Madang {
  static final String URL = System.getenv().getOrDefault("MADANG_URL", "http://localhost:8000") + "/graphql";
  static final String ROOM = "mutation ($name: String!) { createRoom(input: { name: $name }) "
      + "{ room { id messages { resumeCursor } } } }";
  static final String SEND = "mutation ($input: SendMessageInput!) { sendMessage(input: $input) { cursor } }";
  static final String MESSAGES = "subscription ($roomId: ID!, $after: String) "
      + "{ event: messageAdded(roomId: $roomId, after: $after) { cursor message { number text } } }";
  static final String ROOMS = "subscription ($after: String) "
      + "{ event: roomsChanged(after: $after) { cursor rooms { id messageCount } } }";

  static DynamicGraphQLClient connect(String token) {
    var builder = new VertxDynamicGraphQLClientBuilder().url(URL);
    if (token != null) builder.header("Authorization", "Bearer " + token).initPayload(Map.of("token", token));
    return builder.build();
  }

  /** A mutation, repeated while the connection fails: safe, since each message has a key of its own. */
  static JsonObject ask(DynamicGraphQLClient client, String query, Map<String, Object> variables) throws Exception {
    while (true) {
      try {
        return client.executeSync(query, variables).getData();
      } catch (ExecutionException | RuntimeException lost) {
        Thread.sleep(300 + ThreadLocalRandom.current().nextInt(300));
      }
    }
  }

  /** Follows until `last`. A lost connection is opened again, behind the last event. */
  static CompletableFuture<Void> follow(String token, String query, Map<String, Object> start, Predicate<JsonObject> last) {
    var variables = new ConcurrentHashMap<>(start);
    return CompletableFuture.runAsync(() -> {
      for (var done = false; !done;) {
        try (var client = connect(token)) {
          var events = client.subscription(query, variables).subscribe().asIterable();
          for (var response : events) {
            var event = response.getData().getJsonObject("event");
            variables.put("after", event.getString("cursor"));
            if (done = last.test(event)) break;
          }
          if (!done) Thread.sleep(ThreadLocalRandom.current().nextInt(1000));
        } catch (Exception lost) {
          Thread.yield();
        }
      }
    });
  }
}
