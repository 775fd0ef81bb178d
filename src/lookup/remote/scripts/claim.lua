-- Claims the lease (":place") of a look's one flight, or says why not. All in one step.
-- KEYS: for each store key, the one that writes first: the look's base name, the request's name, and the name that stands for every
--       request without an id. The last two are one for such a request: it never asks while a flight is running,
--       and repeats the last flight whose caller got no answer.
-- ARGV: token, pointer of the request, pointer of those without an id, times to live of flight, pointer, lease and fence (ms), age at
--       which a flight may be taken over (ms), then for each store key: a pointer to pass over, and the fence of a shared answer to
--       pass over ('*': any).
-- Gives {verdict, now, number of the store key, then by verdict}:
--   remembered: pointer, since, outcome or nil     shared: fence, answer
--   elsewhere: token, since                        ours: fence
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function text(number) return string.format('%.0f', number) end
local has_id = KEYS[2] ~= KEYS[3]

local function remembered()
  for i = 1, #KEYS, 3 do
    local number = (i + 2) / 3
    local pointer = redis.call('GET', KEYS[i + 1])
    if pointer and pointer ~= ARGV[7 + 2 * number] then
      local flight = redis.call('HMGET', KEYS[i] .. ':flight:' .. pointer:sub(1, 32), 'since', 'outcome', 'released')
      if flight[1] and not flight[3] then
        return { 'remembered', now, number, pointer, flight[1], flight[2] }
      end
    end
  end
end

local found = has_id and remembered()
if found then return found end

for i = 1, #KEYS, 3 do
  local number = (i + 2) / 3
  local skip = ARGV[8 + 2 * number]
  local shared = redis.call('HMGET', KEYS[i] .. ':shared', 'fence', 'answer')
  if shared[2] and skip ~= '*' and skip ~= shared[1] then
    return { 'shared', now, number, shared[1], shared[2] }
  end
end

local fence = time[1] * 1000000 + time[2]
for i = 1, #KEYS, 3 do
  local place = redis.call('HMGET', KEYS[i] .. ':place', 'token', 'since')
  if place[1] and (not has_id or now - tonumber(place[2]) < tonumber(ARGV[8])) then
    return { 'elsewhere', now, (i + 2) / 3, place[1], place[2] }
  end
  -- The time in microseconds, so that the fence grows even after the counter was lost; and at least one more than the last.
  fence = math.max(fence, 1 + (redis.call('GET', KEYS[i] .. ':fence') or 0))
end

found = not has_id and remembered()
if found then return found end

for i = 4, #KEYS, 3 do redis.call('DEL', KEYS[i] .. ':place') end
local base, flight = KEYS[1], KEYS[1] .. ':flight:' .. ARGV[1]
redis.call('SET', base .. ':fence', text(fence), 'PX', ARGV[7])
redis.call('HSET', base .. ':place', 'token', ARGV[1], 'since', text(now))
redis.call('PEXPIRE', base .. ':place', ARGV[6])
redis.call('HSET', flight, 'since', text(now), 'fence', text(fence))
-- Should this flight turn out not to have been delivered, those without an id repeat the one before it.
local before = redis.call('GET', KEYS[3])
if before then
  redis.call('HSET', flight, 'before', before, 'until', text(now + redis.call('PTTL', KEYS[3])))
end
redis.call('PEXPIRE', flight, ARGV[4])
if has_id then redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[5]) end
redis.call('SET', KEYS[3], ARGV[3], 'PX', ARGV[5])
return { 'ours', now, 1, text(fence) }
