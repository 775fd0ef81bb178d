-- One field of some hashes, and the time. KEYS: the hashes. ARGV: the field. Gives {now, value or nil for each}.
local time = redis.call('TIME')
local read = { time[1] * 1000 + math.floor(time[2] / 1000) }
for i, name in ipairs(KEYS) do read[i + 1] = redis.call('HGET', name, ARGV[1]) end
return read
