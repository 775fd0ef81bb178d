-- Lands a flight: keeps its outcome for every request that points to it, shares an answer if no newer flight has begun, and
-- frees the place. All in one step, and the same when done again.
-- KEYS: the base name and the request's name under the flight's store key, then the base names under the others.
-- ARGV: token, fence (0: none was given), pointer, outcome, answer to share ('': none), '1' if nothing was delivered, then the
--       times to live of flight, pointer, shared answer and fence (ms).
-- Gives 1 if the answer is shared now, else 0.
local time = redis.call('TIME')
local function text(number) return string.format('%.0f', number) end
local base, request, flight = KEYS[1], KEYS[2], KEYS[1] .. ':flight:' .. ARGV[1]
local bases = { base }
for i = 3, #KEYS do bases[#bases + 1] = KEYS[i] end

local place_elsewhere, newest = false, 0
for _, name in ipairs(bases) do
  local place = redis.call('HGET', name .. ':place', 'token')
  place_elsewhere = place_elsewhere or (place and place ~= ARGV[1])
  newest = math.max(newest, redis.call('GET', name .. ':fence') or 0)
end

local fence = tonumber(ARGV[2])
if fence == 0 then fence = tonumber(redis.call('HGET', flight, 'fence') or 0) end
if fence == 0 and not place_elsewhere then
  -- It flew without a place, since the table was away when it began, and nobody is flying now: it is the newest.
  fence = math.max(time[1] * 1000000 + time[2], newest + 1)
  newest = fence
  redis.call('SET', base .. ':fence', text(fence), 'PX', ARGV[10])
end

redis.call('HSETNX', flight, 'since', text(time[1] * 1000 + math.floor(time[2] / 1000)))
redis.call('HSET', flight, 'outcome', ARGV[4])
if ARGV[6] == '1' then
  redis.call('HSET', flight, 'released', '1')
else
  redis.call('SET', request, ARGV[3], 'PX', ARGV[8])
end
redis.call('PEXPIRE', flight, ARGV[7])
if redis.call('HGET', base .. ':place', 'token') == ARGV[1] then redis.call('DEL', base .. ':place') end

if ARGV[5] == '' or fence == 0 or fence < newest then return 0 end
for _, name in ipairs(bases) do redis.call('DEL', name .. ':shared') end
redis.call('HSET', base .. ':shared', 'fence', text(fence), 'answer', ARGV[5])
redis.call('PEXPIRE', base .. ':shared', ARGV[9])
return 1
