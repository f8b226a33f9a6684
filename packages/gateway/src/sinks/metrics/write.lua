-- Adds counters to rows, idempotently: a process numbers its writes, and starts the next one only after it knows the result
-- of the previous one. A row has names and integers, such as "calls=3 cost=120"; invalid parts count as 0.
--
-- Input:
--   KEYS[1]   number of this process's last write
--   ARGV[1]   number of this write
--   ARGV[2]   TTL of that number, in ms
--   ARGV[3]   maximum number of rows of a hash
-- Every further key is a hash of rows. For each of them, in the same order: its TTL in ms; the number of rows to add to; and
-- per row its field, the field used instead when the hash is full, and the counters to add.
--
-- Output:
--   1  added
--   0  it had been added before

-- Doubles hold integers exactly up to here.
local MOST = 9007199254740991

local function add(sums, text)
  for name, count in string.gmatch(text or '', '(%S+)=(%d+)') do
    sums[name] = math.min(MOST, (sums[name] or 0) + tonumber(count))
  end
end

local function save(key, rows, ttl)
  local fields = {}
  for field, sums in pairs(rows) do
    local words = {}
    for name, count in pairs(sums) do words[#words + 1] = name .. '=' .. string.format('%.0f', count) end
    fields[#fields + 1] = field
    fields[#fields + 1] = table.concat(words, ' ')
  end
  redis.call('HSET', key, unpack(fields))
  redis.call('PEXPIRE', key, ttl)
end

local last = redis.pcall('GET', KEYS[1])
if type(last) == 'string' and (tonumber(last) or 0) >= tonumber(ARGV[1]) then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])

local most = tonumber(ARGV[3])
local at = 4
for which = 2, #KEYS do
  local key, ttl, count = KEYS[which], ARGV[at], tonumber(ARGV[at + 1])
  at = at + 2
  local fields = {}
  for row = 0, count - 1 do
    fields[#fields + 1] = ARGV[at + row * 3]
    fields[#fields + 1] = ARGV[at + row * 3 + 1]
  end
  local found = redis.pcall('HMGET', key, unpack(fields))
  if found.err then
    redis.call('DEL', key)
    found = {}
  end
  local held = redis.call('HLEN', key)
  local rows = {}
  for row = 0, count - 1 do
    local place = row * 2 + 1
    if not found[place] and held < most then
      held = held + 1
    elseif not found[place] then
      place = place + 1
    end
    local field = fields[place]
    if not rows[field] then
      rows[field] = {}
      add(rows[field], found[place])
    end
    add(rows[field], ARGV[at + row * 3 + 2])
  end
  save(key, rows, ttl)
  at = at + count * 3
end
return 1
