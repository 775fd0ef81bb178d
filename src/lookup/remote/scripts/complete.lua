-- Completes a flight: stores its outcome for every request that points to it, shares an answer if no newer flight has begun, and
-- frees the lease. All in one step, with the same result if repeated.
-- KEYS: the request's name under the flight's store key, then for each store key, the flight's first: the look's base name, and the
--       name that stands for every request without an id.
-- ARGV: token, fence (0: none was given), pointer of the request, outcome, answer to share ('': none), '1' if nothing was delivered,
--       then the times to live of flight, pointer, shared answer and fence (ms), then pointer of those without an id, '1' if the
--       caller got no answer, and the time to live of that pointer (ms).
-- Gives 1 if the answer is shared now, else 0.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function text(number) return string.format('%.0f', number) end
local request, base, nameless = KEYS[1], KEYS[2], KEYS[3]
local function named(token) return base .. ':flight:' .. token:sub(1, 32) end
local flight = named(ARGV[1])

local place_elsewhere, newest = false, 0
for i = 2, #KEYS, 2 do
  local place = redis.call('HGET', KEYS[i] .. ':place', 'token')
  place_elsewhere = place_elsewhere or (place and place ~= ARGV[1])
  newest = math.max(newest, redis.call('GET', KEYS[i] .. ':fence') or 0)
end

local fence = tonumber(ARGV[2])
if fence == 0 then fence = tonumber(redis.call('HGET', flight, 'fence') or 0) end
if fence == 0 and not place_elsewhere then
  -- It ran without a lease, since the table was unavailable, and no other flight is running: it is the newest.
  fence = math.max(time[1] * 1000000 + time[2], newest + 1)
  newest = fence
  redis.call('SET', base .. ':fence', text(fence), 'PX', ARGV[10])
end
local is_newest = fence > 0 and fence >= newest

redis.call('HSETNX', flight, 'since', text(now))
redis.call('HSET', flight, 'outcome', ARGV[4])
local is_last = redis.call('GET', nameless) == ARGV[11]
if ARGV[6] == '1' then
  redis.call('HSET', flight, 'released', '1')
  if is_last then
    -- Those without an id repeat the flight before it, if that may have been delivered.
    redis.call('DEL', nameless)
    local before = redis.call('HMGET', flight, 'before', 'until')
    for _ = 1, 8 do
      if not before[1] or tonumber(before[2]) <= now then break end
      local older = redis.call('HMGET', named(before[1]), 'since', 'released', 'before', 'until')
      if not older[1] then break end
      if not older[2] then
        redis.call('SET', nameless, before[1], 'PX', text(tonumber(before[2]) - now))
        break
      end
      before = { older[3], older[4] }
    end
  end
else
  if request ~= nameless then redis.call('SET', request, ARGV[3], 'PX', ARGV[8]) end
  if ARGV[12] == '1' and (is_last or is_newest) then
    redis.call('SET', nameless, ARGV[11], 'PX', ARGV[13])
  elseif ARGV[12] ~= '1' and is_newest then
    for i = 3, #KEYS, 2 do redis.call('DEL', KEYS[i]) end
  elseif ARGV[12] ~= '1' and is_last then
    redis.call('DEL', nameless)
  end
end
redis.call('PEXPIRE', flight, ARGV[7])
if redis.call('HGET', base .. ':place', 'token') == ARGV[1] then redis.call('DEL', base .. ':place') end

if ARGV[5] == '' or not is_newest then return 0 end
for i = 2, #KEYS, 2 do redis.call('DEL', KEYS[i] .. ':shared') end
redis.call('HSET', base .. ':shared', 'fence', text(fence), 'answer', ARGV[5])
redis.call('PEXPIRE', base .. ':shared', ARGV[9])
return 1
