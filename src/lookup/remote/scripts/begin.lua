-- Takes the place of a look's one flight, or says why not. All in one step.
-- KEYS: for each store key, the one that writes first: the look's base name, then the request's name.
-- ARGV: token, pointer, times to live of flight, pointer, place and fence (ms), age at which a flight may be taken over (ms),
--       then for each store key: a pointer to pass over, and the fence of a shared answer to pass over ('*': any).
-- Gives {verdict, now, number of the store key, then by verdict}:
--   remembered: pointer, since, outcome or nil     shared: fence, answer
--   elsewhere: token, since                        ours: fence
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function text(number) return string.format('%.0f', number) end

for i = 1, #KEYS, 2 do
  local pointer = redis.call('GET', KEYS[i + 1])
  if pointer and pointer ~= ARGV[8 + i - 1] then
    local flight = redis.call('HMGET', KEYS[i] .. ':flight:' .. pointer:sub(1, 32), 'since', 'outcome', 'released')
    if flight[1] and not flight[3] then
      return { 'remembered', now, (i + 1) / 2, pointer, flight[1], flight[2] }
    end
  end
end

for i = 1, #KEYS, 2 do
  local skip = ARGV[8 + i]
  local shared = redis.call('HMGET', KEYS[i] .. ':shared', 'fence', 'answer')
  if shared[2] and skip ~= '*' and skip ~= shared[1] then
    return { 'shared', now, (i + 1) / 2, shared[1], shared[2] }
  end
end

local fence = time[1] * 1000000 + time[2]
for i = 1, #KEYS, 2 do
  local place = redis.call('HMGET', KEYS[i] .. ':place', 'token', 'since')
  if place[1] and now - tonumber(place[2]) < tonumber(ARGV[7]) then
    return { 'elsewhere', now, (i + 1) / 2, place[1], place[2] }
  end
  -- The time in microseconds, so that the fence grows even after the counter was lost; and at least one more than the last.
  fence = math.max(fence, 1 + (redis.call('GET', KEYS[i] .. ':fence') or 0))
end

for i = 3, #KEYS, 2 do redis.call('DEL', KEYS[i] .. ':place') end
local base, flight = KEYS[1], KEYS[1] .. ':flight:' .. ARGV[1]
redis.call('SET', base .. ':fence', text(fence), 'PX', ARGV[6])
redis.call('HSET', base .. ':place', 'token', ARGV[1], 'since', text(now))
redis.call('PEXPIRE', base .. ':place', ARGV[5])
redis.call('HSET', flight, 'since', text(now), 'fence', text(fence))
redis.call('PEXPIRE', flight, ARGV[3])
redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[4])
return { 'ours', now, 1, text(fence) }
