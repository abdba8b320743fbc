import { RoomPage } from './room/RoomPage.js';
import { RoomList } from './rooms/RoomList.js';
import { ConnectionStatus } from './session/ConnectionStatus.js';
import { ReplacedNotice } from './session/ReplacedNotice.js';
import { WhoAmI } from './session/WhoAmI.js';
import { useTexts } from './ui/language.js';
import { RoomLink } from './ui/RoomLink.js';
import { useRoute } from './ui/use-route.js';
import { useRouteFocus } from './ui/use-route-focus.js';

/** Two columns, rooms beside the open room; on a narrow screen one of them at a time. */
export function App() {
  const { roomId } = useRoute();
  const texts = useTexts();
  useRouteFocus();
  // An open room has the heading of the page.
  const Title = roomId === null ? 'h1' : 'div';
  return (
    <div className="app" data-open={roomId === null ? 'list' : 'room'}>
      <header className="bar">
        <Title className="title">
          <RoomLink roomId={null} className="brand">
            <span className="brand-mark" aria-hidden="true" />
            Madang
          </RoomLink>
        </Title>
        <ConnectionStatus />
        <WhoAmI />
      </header>
      <ReplacedNotice />
      <RoomList />
      <main className="main">
        {roomId === null ? (
          <p className="empty">{texts.pickARoom}</p>
        ) : (
          <RoomPage key={roomId} roomId={roomId} />
        )}
      </main>
    </div>
  );
}
