/** The styles of the client, in the order in which they apply. */
import './ui/tokens.css';
import './ui/base.css';
import './ui/layout.css';
import './rooms/rooms.css';
import './room/room.css';
import './room/message.css';
import './ui/print.css';
