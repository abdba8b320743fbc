import { describe, expect, it } from 'vitest';
import { UNKNOWN_ADDRESS, clientAddress, hostInUrl, truncateAddress } from '../../../src/lib/address.js';

describe('clientAddress', () => {
  it.each([
    ['192.0.2.7', '192.0.2.7'],
    ['::ffff:192.0.2.7', '192.0.2.7'],
    ['::ffff:c000:207', '192.0.2.7'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:DB8:0001:0002::9', '2001:db8:1:2::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['64:ff9b::192.0.2.7', '64:ff9b:0:0::/64'],
  ])('counts the socket address %s as %s', (peer, expected) => {
    expect(clientAddress(peer, undefined, 0)).toBe(expected);
  });

  it('counts two hosts of one /64 as one, and of two as two', () => {
    const of = (peer: string) => clientAddress(peer, undefined, 0);
    expect(of('2001:db8:1:2::1')).toBe(of('2001:db8:1:2:ffff::9'));
    expect(of('2001:db8:1:2::1')).not.toBe(of('2001:db8:1:3::1'));
  });

  it('does not read the header without a trusted proxy', () => {
    expect(clientAddress('192.0.2.7', '198.51.100.1', 0)).toBe('192.0.2.7');
  });

  it.each([
    [1, '203.0.113.9, 198.51.100.1', '198.51.100.1'],
    [2, '203.0.113.9, 198.51.100.1, 10.0.0.2', '198.51.100.1'],
    [1, ['203.0.113.9', '198.51.100.1'], '198.51.100.1'],
    [3, '198.51.100.1', '198.51.100.1'],
    [1, '203.0.113.9,   2001:db8:1:2::5', '2001:db8:1:2::/64'],
    [1, '203.0.113.9, 198.51.100.1:4711', '198.51.100.1'],
    [1, '203.0.113.9, [2001:db8:1:2::5]:4711', '2001:db8:1:2::/64'],
  ])('with %i trusted proxies counts from the right of %j', (hops, header, expected) => {
    expect(clientAddress('10.0.0.1', header, hops)).toBe(expected);
  });

  it.each(['', 'unknown', '203.0.113.9, _hidden', '203.0.113.9,', '999.1.1.1', 'x'.repeat(1000)])(
    'falls back to the socket when the trusted entry of %j is no address',
    (header) => {
      expect(clientAddress('10.0.0.1', header, 1)).toBe('10.0.0.1');
    },
  );

  it('has a name for a socket that is gone', () => {
    expect(clientAddress(undefined, undefined, 0)).toBe(UNKNOWN_ADDRESS);
  });
});

describe('truncateAddress', () => {
  it.each([
    ['192.0.2.7', '192.0.2.0/24'],
    ['::ffff:192.0.2.7', '192.0.2.0/24'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:db8:1:2::/64', '2001:db8:1:2::/64'],
    ['0:0:0:0::/64', '0:0:0:0::/64'],
    ['192.0.2.0/24', '192.0.2.0/24'],
    ['192.0.2.0/8', UNKNOWN_ADDRESS],
    ['no address', UNKNOWN_ADDRESS],
  ])('makes %s fit for a log as %s', (address, expected) => {
    expect(truncateAddress(address)).toBe(expected);
    expect(truncateAddress(expected)).toBe(expected);
  });
});

it.each([
  ['127.0.0.1', '127.0.0.1'],
  ['chat.example', 'chat.example'],
  ['fd00::7', '[fd00::7]'],
])('a URL has the host %s as %s', (host, written) => {
  expect(hostInUrl(host)).toBe(written);
});
