-- Begins `claim.lua`: one offer with at most one goal and nothing rare, which nearly all are, that creates for good, or
-- comes to a value as `codec::encode` spells it without metaData. What it cannot decide at a glance it leaves to what
-- follows, before anything is written. The functions of the whole rule cost more to make than such a claim.
if not ARGV[8] and (ARGV[5] == '' or string.sub(ARGV[5], 1, 5) == '\0\0\0\0\1') then
  local call, byte, sub = redis.call, string.byte, string.sub
  local user, field, goal = KEYS[2], ARGV[2], ARGV[7]
  local value = call('HGET', user, field)
  if value then
    -- The version, the variation, and who put it there.
    local version, tag, length = byte(value, 1, 3)
    local at, is_known, count = (length or 0) + 14, not goal, 0
    local by, eight = byte(value, at - 10, at - 9)
    if version == 1 and tag == 1 and length and length > 0 and length < 128 and by == 2 and eight == 8 then
      tag, length = byte(value, at, at + 1)
      while tag == 4 and length and length < 128 do
        if sub(value, at + 10, at + length + 1) == goal then
          is_known = true
        end
        at, count = at + length + 2, count + 1
        tag, length = byte(value, at, at + 1)
      end
      -- Two times, perhaps its end, and the revision; then nothing more.
      local assigned, changed, size = at + 2, at + 12, #value
      local revision = size - 7
      local change, eight, _, _, _, _, _, _, _, _, last, nine = byte(value, at + 10, at + 21)
      local is_plain = tag == 7 and length == 8 and change == 8 and eight == 8 and nine == 8
        and (last == 10 and size == at + 29 or last == 9 and size == at + 39 and sub(value, size - 9, size - 8) == '\10\8')
      local now
      if is_plain and (last == 9 or not is_known) then
        local time = call('TIME')
        now = time[1] * 1000 + math.floor(time[2] / 1000)
      end
      if is_plain and last == 9 then
        local ends = struct.unpack('<I8', value, at + 22)
        local below = ARGV[5] ~= '' and struct.unpack('<I8', ARGV[5], 14) or 0
        is_plain = now < ends and ends - now >= below and ends <= $LAST
      end
      if is_plain and is_known then
        return value
      end
      -- What is written must be sound.
      local sixth, seventh, eighth = byte(value, assigned + 5, assigned + 7)
      local digit = byte(value, revision)
      local find, odd = string.find, '[%z\128-\255]'
      if is_plain and sixth < 230 and seventh == 0 and eighth == 0 and digit < 255 and count < $GOALS and #goal < 120
        and not find(sub(value, 4, byte(value, 3) + 3), odd) then
        local next, is_sound = byte(value, 3) + 14, true
        while next < at and is_sound do
          length = byte(value, next + 1)
          is_sound = length > 8 and not find(sub(value, next + 10, next + length + 1), odd)
          next = next + length + 2
        end
        if is_sound then
          value = sub(value, 1, at - 1) .. '\4' .. string.char(#goal + 8) .. ARGV[3] .. goal .. sub(value, at, changed - 1)
            .. struct.pack('<I8', now) .. sub(value, changed + 8, revision - 1) .. string.char(digit + 1) .. sub(value, revision + 1)
          call('HSET', user, field, value)
          return value
        end
      end
    end
  elseif ARGV[4] == '' then
    return false
  elseif ARGV[5] == '' then
    local time, created = call('TIME'), ARGV[4]
    value = sub(created, 1, -19) .. struct.pack('<I8', time[1] * 1000 + math.floor(time[2] / 1000)) .. sub(created, -10)
    call('HSET', user, field, value)
    -- A user who comes first has no time to live yet.
    if call('ZADD', KEYS[1], 0, sub(user, #KEYS[1] + 1)) == 0 then
      call('PERSIST', user)
    end
    return value
  end
end
