-- Presence: who was seen where, who is online, and the order of the rooms. One script with several commands.
--
-- KEYS, all under one hash tag, so that the script is legal on Redis Cluster:
--   1 exp      ZSET  "<room> <visitor>"             -> when the visit ends, in ms on Redis' clock
--   2 rank     ZSET  "<room>"                       -> visitors * 2^33 + latest activity in seconds; all rooms
--   3 online   ZSET  "<room> <instance> <visitor>"  -> when it ends unless it is renewed, in ms
--   4 present  HASH  "<room> <visitor>" -> instances that hold it;  "<room>" -> distinct visitors online
--   5 number   HASH  "<room>"                       -> number of the newest message
--   6 meta     HASH  epoch, run (run_id of the Redis that made it), evicted (keys it had evicted then), revision,
--                    takenAt, dirty, loaded, loader, loaderUntil, healed, healAt
--   7, 8 rev   STRING the snapshot after the one that the caller knows, and the one it knows (tick only):
--                    a line with the number of rooms, then "<room> <visitors> <online> <number>" in order
--   7 told     STRING place of an instance's newest touch among those that say who is online (touch only)
--
-- ARGV: command, window ms, then what the command says. Every answer begins with now (ms) and the epoch.
--
-- Cost, for n given items and N rooms or visits: every command first takes away at most 500 expired entries of
-- each kind, O(log N) each. touch, raise, counts: O(n log N), n <= 200. tick: O(1), and O(1000 + log N) when it
-- takes a snapshot. beat, loading, fulfilled: O(1). Nothing depends on the number of rooms.

local EXP, RANK, ONLINE, PRESENT, NUMBER, META = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local VISITOR = 2 ^ 33
local SLICE = 500
local PINNED = 1000
local ONLINE_MS = 75000
local LATE_JOIN_MS = 5000
local SNAPSHOT_MS = 120000
local NEWEST_SNAPSHOT_MS = 86400000 -- renewed by every tick of somebody who knows it
local LOADING_MS = 3000
local HEAL_MS = 60000
local FIRST_HEAL_MS = 5000

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local windowMs = tonumber(ARGV[2])
local dirty = false

-- Lua writes numbers with 14 digits; a score may have 16.
local function int(number)
  return string.format('%.0f', number)
end

local function info(section, field)
  return string.match(redis.call('INFO', section), field .. ':(%w[%w-]*)') or ''
end

-- Whether the clock was set back since the next healing was set: what ends lies further ahead than it can.
local function isSetBack(healAt)
  return healAt and tonumber(healAt) > now + 2 * HEAL_MS
end

-- Whether Redis threw keys away since: what is left does not fit together. None of these has an end of its own.
local function areSomeGone(evicted)
  if not evicted or evicted == info('stats', 'evicted_keys') then return false end
  return not string.find(info('memory', 'maxmemory_policy'), '^volatile')
end

-- A Redis that is another one than before, or empty, does not know who is online: a new epoch begins. Visits stay,
-- unless they would end too late, or some may be gone.
local function newEpoch(run)
  local epoch = int(now) .. 'r' .. string.sub(run, 1, 8)
  local old = redis.call('HMGET', META, 'epoch', 'healAt', 'evicted')
  if not old[1] or isSetBack(old[2]) or areSomeGone(old[3]) then redis.call('UNLINK', EXP, RANK) end
  redis.call('UNLINK', ONLINE, PRESENT)
  redis.call('HDEL', META, 'loaded', 'loader', 'loaderUntil', 'takenAt', 'healed', 'healAt')
  redis.call('HSET', META, 'epoch', epoch, 'run', run, 'revision', 0, 'dirty', 1)
  redis.call('HSET', META, 'evicted', info('stats', 'evicted_keys'))
  return epoch
end

local function epochOf()
  return redis.call('HGET', META, 'epoch') or newEpoch(info('server', 'run_id'))
end

-- The same, and compares the run and the clock: INFO is not cheap, so only the commands that come once an interval ask.
local function checkedEpoch()
  local run = info('server', 'run_id')
  local known = redis.call('HMGET', META, 'epoch', 'run', 'healAt')
  if known[1] and known[2] == run and not isSetBack(known[3]) then return known[1] end
  return newEpoch(run)
end

local function leaveOnline(room, pair)
  if redis.call('HINCRBY', PRESENT, pair, -1) > 0 then return end
  redis.call('HDEL', PRESENT, pair)
  if redis.call('HINCRBY', PRESENT, room, -1) <= 0 then redis.call('HDEL', PRESENT, room) end
  dirty = true
end

-- Takes away what expired; whether some may be left.
local function sweep()
  local gone = redis.call('ZRANGEBYSCORE', EXP, '-inf', int(now), 'LIMIT', 0, SLICE)
  if #gone > 0 then
    redis.call('ZREMRANGEBYRANK', EXP, 0, #gone - 1)
    local visitors = {}
    for _, pair in ipairs(gone) do
      local room = string.match(pair, '^%S+')
      visitors[room] = (visitors[room] or 0) + 1
    end
    for room, count in pairs(visitors) do
      redis.call('ZINCRBY', RANK, int(-count * VISITOR), room)
    end
    dirty = true
  end
  local silent = redis.call('ZRANGEBYSCORE', ONLINE, '-inf', int(now), 'LIMIT', 0, SLICE)
  if #silent > 0 then
    redis.call('ZREMRANGEBYRANK', ONLINE, 0, #silent - 1)
    for _, member in ipairs(silent) do
      local room, visitor = string.match(member, '^(%S+) %S+ (%S+)$')
      leaveOnline(room, room .. ' ' .. visitor)
    end
  end
  return #gone == SLICE or #silent == SLICE
end

local function finish()
  if dirty then redis.call('HSET', META, 'dirty', 1) end
end

local commands = {}

-- instance, place (0: all are visits), then kind, room, visitor, at (ms) of each
--   -> indexes (from 0) of joins that were late
function commands.touch()
  local epoch = epochOf()
  sweep()
  local instance, place, late = ARGV[3], tonumber(ARGV[4]), {}
  -- One that was held up on its way knows less than the newer one of who is here.
  local overtaken = place < tonumber(redis.call('GET', KEYS[7]) or 0)
  if not overtaken then redis.call('SET', KEYS[7], int(place), 'PX', ONLINE_MS) end
  for i = 5, #ARGV, 4 do
    local kind, room, visitor = overtaken and 'visit' or ARGV[i], ARGV[i + 1], ARGV[i + 2]
    local at = math.min(tonumber(ARGV[i + 3]), now)
    local pair = room .. ' ' .. visitor
    if at + windowMs > now then
      if redis.call('ZADD', EXP, 'GT', int(at + windowMs), pair) == 1 then
        redis.call('ZINCRBY', RANK, int(VISITOR), room)
        dirty = true
      end
    elseif redis.call('ZADD', RANK, 'NX', 0, room) == 1 then
      dirty = true
    end
    local member = room .. ' ' .. instance .. ' ' .. visitor
    if kind == 'leave' then
      if redis.call('ZREM', ONLINE, member) == 1 then leaveOnline(room, pair) end
    elseif kind == 'join' then
      if now - at > LATE_JOIN_MS then
        late[#late + 1] = (i - 5) / 4
      elseif redis.call('ZADD', ONLINE, 'GT', int(at + ONLINE_MS), member) == 1 then
        if redis.call('HINCRBY', PRESENT, pair, 1) == 1 then
          redis.call('HINCRBY', PRESENT, room, 1)
          dirty = true
        end
      end
    end
  end
  finish()
  return { now, epoch, late }
end

-- room, number, at (ms) of each
function commands.raise()
  local epoch = epochOf()
  sweep()
  for i = 3, #ARGV, 3 do
    local room, number = ARGV[i], tonumber(ARGV[i + 1])
    local second = math.floor(math.min(tonumber(ARGV[i + 2]), now) / 1000)
    local score = redis.call('ZSCORE', RANK, room)
    local visitors = score and math.floor(tonumber(score) / VISITOR) or 0
    if not score or second > tonumber(score) - visitors * VISITOR then
      redis.call('ZADD', RANK, int(visitors * VISITOR + second), room)
      dirty = true
    end
    if number > tonumber(redis.call('HGET', NUMBER, room) or 0) then
      redis.call('HSET', NUMBER, room, int(number))
      dirty = true
    end
  end
  finish()
  return { now, epoch }
end

-- rooms -> loaded, more, then visitors, online, number of each
function commands.counts()
  local epoch = epochOf()
  local more = sweep()
  local answer = { now, epoch, redis.call('HEXISTS', META, 'loaded'), more and 1 or 0 }
  for i = 3, #ARGV do
    local score = tonumber(redis.call('ZSCORE', RANK, ARGV[i]) or 0)
    answer[#answer + 1] = math.floor(score / VISITOR)
    answer[#answer + 1] = tonumber(redis.call('HGET', PRESENT, ARGV[i]) or 0)
    answer[#answer + 1] = tonumber(redis.call('HGET', NUMBER, ARGV[i]) or 0)
  end
  finish()
  return answer
end

local function pack()
  local ranked = redis.call('ZREVRANGE', RANK, 0, PINNED - 1, 'WITHSCORES')
  local lines = { int(redis.call('ZCARD', RANK)) }
  if #ranked == 0 then return lines[1] end
  local rooms = {}
  for i = 1, #ranked, 2 do rooms[#rooms + 1] = ranked[i] end
  local online = redis.call('HMGET', PRESENT, unpack(rooms))
  local numbers = redis.call('HMGET', NUMBER, unpack(rooms))
  for i, room in ipairs(rooms) do
    local visitors = int(math.floor(tonumber(ranked[i * 2]) / VISITOR))
    lines[i + 1] = room .. ' ' .. visitors .. ' ' .. (online[i] or '0') .. ' ' .. (numbers[i] or '0')
  end
  return table.concat(lines, '\n')
end

-- epoch, revision that the caller knows, interval ms, channel -> revision, snapshot or '', wait ms
function commands.tick()
  local epoch = checkedEpoch()
  local more = sweep()
  finish()
  local known, intervalMs = tonumber(ARGV[4]), tonumber(ARGV[5])
  local meta = redis.call('HMGET', META, 'revision', 'takenAt', 'dirty', 'loaded')
  local revision, takenAt = tonumber(meta[1]), tonumber(meta[2] or '')
  if ARGV[3] ~= epoch then
    -- Nobody will take one after it any more.
    redis.call('PEXPIRE', KEYS[8], SNAPSHOT_MS)
    return { now, epoch, revision, '', 0 }
  end
  if known ~= revision then return { now, epoch, revision, '', 0 } end
  -- Lost when nobody ticked for so long: then a new one is taken though nothing changed.
  local lost = redis.call('PEXPIRE', KEYS[8], NEWEST_SNAPSHOT_MS) == 0
  -- One that is from the future does not count: the clock was set back.
  local age = takenAt and now - takenAt
  local early = age and age >= 0 and age < intervalMs
  if early or more or not (lost or meta[3] == '1') or not meta[4] then
    return { now, epoch, revision, '', more and 0 or early and intervalMs - age or intervalMs }
  end
  local snapshot = pack()
  redis.call('SET', KEYS[7], snapshot, 'PX', NEWEST_SNAPSHOT_MS)
  redis.call('PEXPIRE', KEYS[8], SNAPSHOT_MS)
  redis.call('HSET', META, 'revision', int(revision + 1), 'takenAt', int(now), 'dirty', 0)
  redis.call('PUBLISH', ARGV[6], '{"epoch":"' .. epoch .. '","revision":' .. int(revision + 1) .. '}')
  return { now, epoch, revision + 1, snapshot, intervalMs }
end

-- instance, an epoch that is over or ''
--   -> loaded, duty or '', healed (ms) or '', eviction policy when it is time to heal
function commands.beat()
  local epoch = checkedEpoch()
  -- What came after it was told to another Redis.
  if epoch == ARGV[4] then epoch = newEpoch(info('server', 'run_id')) end
  local meta = redis.call('HMGET', META, 'loaded', 'loader', 'loaderUntil', 'healed', 'healAt', 'evicted')
  if not meta[1] then
    local leftMs = tonumber(meta[3] or 0) - now
    -- Who has longer than it was given is from before the clock was set back.
    local taken = meta[2] and meta[2] ~= ARGV[3] and leftMs > 0 and leftMs <= LOADING_MS
    if taken then return { now, epoch, 0, '', '', '' } end
    redis.call('HSET', META, 'loader', ARGV[3], 'loaderUntil', int(now + LOADING_MS))
    return { now, epoch, 0, 'load', '', '' }
  end
  if tonumber(meta[5] or 0) > now then return { now, epoch, 1, '', '', '' } end
  local policy = info('memory', 'maxmemory_policy')
  -- Not at the first healing: a Redis that evicts all the time would be filled without end.
  if now - tonumber(string.match(epoch, '^%d+')) >= HEAL_MS and areSomeGone(meta[6]) then
    return { now, newEpoch(info('server', 'run_id')), 0, '', '', policy }
  end
  redis.call('HSET', META, 'healAt', int(now + HEAL_MS))
  return { now, epoch, 1, 'heal', meta[4] or '', policy }
end

local function isLoader(epoch)
  local meta = redis.call('HMGET', META, 'loaded', 'loader', 'loaderUntil')
  return ARGV[4] == epoch and not meta[1] and meta[2] == ARGV[3] and tonumber(meta[3]) > now
end

-- instance, epoch -> whether the duty is still its own
function commands.loading()
  local epoch = epochOf()
  local mine = isLoader(epoch)
  if mine then redis.call('HSET', META, 'loaderUntil', int(now + LOADING_MS)) end
  return { now, epoch, mine and 1 or 0 }
end

-- instance, epoch, duty, begun at (ms) -> whether it counts
function commands.fulfilled()
  local epoch = epochOf()
  if ARGV[5] == 'load' then
    if not isLoader(epoch) then return { now, epoch, 0 } end
    redis.call('HDEL', META, 'loader', 'loaderUntil')
    redis.call('HSET', META, 'loaded', 1, 'dirty', 1, 'healAt', int(now + FIRST_HEAL_MS))
  elseif ARGV[4] ~= epoch then
    return { now, epoch, 0 }
  end
  local healed = tonumber(redis.call('HGET', META, 'healed') or 0)
  redis.call('HSET', META, 'healed', int(math.max(healed, tonumber(ARGV[6]))))
  return { now, epoch, 1 }
end

return commands[ARGV[1]]()
