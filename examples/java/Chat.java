import jakarta.json.JsonObject;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.stream.IntStream;

/** Compile with javac -cp 'lib/*' *.java and run with java -cp 'lib/*:.' Chat */
public class Chat {
  public static void main(String[] args) throws Exception {
    var visitor = Madang.ask(Madang.connect(null), "mutation { createVisitor { token } }", Map.of());
    var token = visitor.getJsonObject("createVisitor").getString("token");
    var client = Madang.connect(token);
    var name = "java " + UUID.randomUUID();
    var room = Madang.ask(client, Madang.ROOM, Map.of("name", name)).getJsonObject("createRoom").getJsonObject("room");
    var id = room.getString("id");
    System.out.println("room " + id);
    var numbers = new CopyOnWriteArrayList<Integer>();
    var start = Map.<String, Object>of("roomId", id, "after", room.getJsonObject("messages").getString("resumeCursor"));
    var followed = Madang.follow(token, Madang.MESSAGES, start, event -> {
      numbers.add(event.getJsonObject("message").getInt("number"));
      return numbers.size() == 10;
    });
    var listed = Madang.follow(token, Madang.ROOMS, Map.of(), event -> event.getJsonArray("rooms").stream()
        .map(JsonObject.class::cast)
        .anyMatch(it -> it.getString("id").equals(id) && it.getInt("messageCount") == 10));
    for (var number = 1; number <= 10; number++) {
      var key = UUID.randomUUID().toString();
      Madang.ask(client, Madang.SEND, Map.of("input", Map.of("roomId", id, "text", "message " + number, "idempotencyKey", key)));
      Thread.sleep(200);
    }
    CompletableFuture.allOf(followed, listed).join();
    System.out.println(numbers.equals(IntStream.rangeClosed(1, 10).boxed().toList()) ? "ok" : "wrong: " + numbers);
    System.exit(0);
  }
}
