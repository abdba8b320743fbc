import { beforeAll, describe, expect, it } from 'vitest';
import { ask } from '../testkit/graphql-client.js';
import { createRoom, createVisitor, type TestVisitor } from '../testkit/seed.js';
import { openChat } from './support/chat.js';
import { useStage } from './support/stage.js';

const SOON = { timeout: 30_000 };
const VISIT = /* GraphQL */ `
  mutation ($roomId: ID!) {
    visitRoom(input: { roomId: $roomId }) {
      userErrors {
        code
      }
    }
  }
`;
const ORDER = /* GraphQL */ `
  query {
    rooms(first: 100) {
      nodes {
        name
      }
    }
  }
`;

describe('the list of rooms', () => {
  const stage = useStage();
  let visitor: TestVisitor;
  beforeAll(async () => {
    visitor = await createVisitor(stage.server.url());
  });

  const visit = (roomId: string, by: TestVisitor) =>
    ask(stage.server.url(), VISIT, { roomId }, { token: by.token });

  it('does not move a row under the pointer however often the ranking changes, and is right afterwards', async () => {
    const ids: string[] = [];
    for (let number = 1; number <= 8; number++)
      ids.push(await createRoom(stage.server.url(), visitor, `Moving ${number}`));
    const crowd = await Promise.all(ids.map(() => createVisitor(stage.server.url())));
    const window = await openChat(stage.browser, stage.server.url());
    await expect.poll(() => window.roomNames(), SOON).toHaveLength(8);
    const row = window.roomLink('Moving 4');
    await row.hover();
    const held = await window.roomNames();
    const boxes = new Set([JSON.stringify(await row.boundingBox())]);
    // One after another overtakes the others: 64 visits, and with each the order is another one.
    for (const [turn, by] of crowd.entries()) {
      for (const [index, roomId] of ids.entries()) if ((index + turn) % 3 !== 0) await visit(roomId, by);
      boxes.add(JSON.stringify(await row.boundingBox()));
    }
    const order = async () => {
      const { rooms } = await ask<{ rooms: { nodes: readonly { name: string }[] } }>(
        stage.server.url(),
        ORDER,
        {},
      );
      return rooms.nodes.map(({ name }) => name);
    };
    await expect.poll(order, SOON).not.toEqual(held);
    await window.rooms
      .getByRole('link', { name: /[2-9] recent visitors/ })
      .first()
      .waitFor();
    boxes.add(JSON.stringify(await row.boundingBox()));
    expect(boxes.size).toBe(1);
    expect(await window.roomNames()).toEqual(held);
    await window.page.mouse.move(900, 400);
    await expect
      .poll(async () => (await window.roomNames()).join() === (await order()).join(), SOON)
      .toBe(true);
  });

  it('goes on below the first hundred, whose counts stay live in an open room', async () => {
    const bottom = await createRoom(stage.server.url(), visitor, 'The oldest of all');
    const crowd = await createVisitor(stage.server.url());
    for (let number = 1; number <= 130; number++) {
      await visit(await createRoom(stage.server.url(), visitor, `Many ${number}`), crowd);
    }
    const window = await openChat(stage.browser, stage.server.url(), { path: `/rooms/${bottom}` });
    await window.page.getByRole('heading', { name: 'The oldest of all' }).waitFor();
    await window.rooms.getByRole('link').first().hover();
    await expect
      .poll(async () => {
        await window.page.mouse.wheel(0, 4000);
        return window.roomLink('The oldest of all').count();
      }, SOON)
      .toBe(1);
    const names = await window.roomNames();
    expect(new Set(names).size).toBe(names.length);
    expect(names.length).toBe(139);
    const other = await openChat(stage.browser, stage.server.url(), { path: `/rooms/${bottom}` });
    await other.page.getByRole('heading', { name: 'The oldest of all' }).waitFor();
    await window.page.getByText('2 online').waitFor();
    expect(window.trouble).toEqual([]);
  });
});
