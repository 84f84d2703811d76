-- `Offer::join`, said again in Lua: joins each offer with what is held and answers what is held now, so that a claim
-- takes one round trip. `script.rs` puts in the two limits. Claim ids and revisions have 64 bits, more than a number of
-- Lua holds: they stay bytes.
--
-- KEYS: for each user the index of the bucket and the user. ARGV: offers one after the other, as `script.rs` writes them,
-- each beginning with how many keys further its user is. Answers: the value that is held, nothing, or a zero byte and what
-- cannot be read and is left alone. `quick.lua` says where the first offer begins that it has not decided.
local char, find = string.char, string.find
local pack, unpack = struct.pack, struct.unpack
local GOALS, LAST = $GOALS, $LAST

local function moment(millis)
  return pack('<I8', math.min(millis, LAST))
end

-- Writes what is offered where nothing is held: `created`, with the times that only the server knows.
local function create(index, user, field, offer)
  local created = offer.created
  if created == '' then
    return nil
  end
  local ends, changed = offer.imported_end, offer.imported
  if not changed then
    changed, ends = clock(), offer.lasts and math.min(clock() + offer.lasts, LAST)
  end
  if ends and clock() >= ends then
    return nil
  end
  -- Behind the place of `changed at` come only the revision and the epoch.
  local rest = offer.epoch == '\0\0\0\0' and 10 or 16
  local value = sub(created, 1, -rest - 9) .. moment(changed) .. (ends and '\9\8' .. moment(ends) or '') .. sub(created, -rest)
  hold(index, user, field, value, ends)
  return value
end

local rep = string.rep
local function number(bytes)
  return (unpack('<I8', bytes))
end

local function successor(revision)
  for i = 1, 8 do
    local digit = byte(revision, i)
    if digit < 255 and i == 1 then
      return char(digit + 1) .. sub(revision, 2)
    elseif digit < 255 then
      return rep('\0', i - 1) .. char(digit + 1) .. sub(revision, i + 1)
    end
  end
  return revision
end

local function follows(x, from, to)
  return x and x >= (from or 128) and x <= (to or 191)
end
local function is_text(bytes)
  local at = find(bytes, '[\128-\255]')
  while at and at <= #bytes do
    local a, b, c, d = byte(bytes, at, at + 3)
    if a < 128 then
      at = at + 1
    elseif a >= 194 and a <= 223 and follows(b) then
      at = at + 2
    elseif a >= 224 and a <= 239 and follows(b, a == 224 and 160, a == 237 and 159) and follows(c) then
      at = at + 3
    elseif a >= 240 and a <= 244 and follows(b, a == 240 and 144, a == 244 and 143) and follows(c) and follows(d) then
      at = at + 4
    else
      return false
    end
  end
  return true
end
local function is_name(bytes)
  if #bytes < 1 or #bytes > 256 then
    return false
  end
  return not find(bytes, '[%z\128-\255]') or not find(bytes, '%z') and is_text(bytes)
end

-- The fields of a value, or nil if it is damaged or of another version: as `codec::decode` reads it.
local function decode(bytes)
  if byte(bytes) ~= 1 then
    return nil
  end
  local held, at = { goals = {}, epoch = 0, unknown = {} }, 2
  while at <= #bytes do
    local start, tag, length = at, byte(bytes, at, at + 1)
    at = at + 1
    if not length then
      return nil
    elseif length > 127 then
      local scale = 128
      length = length - 128
      repeat
        at = at + 1
        local digit = byte(bytes, at)
        if not digit or scale > 268435456 then
          return nil
        end
        length, scale = length + digit % 128 * scale, scale * 128
      until digit < 128
    end
    local value = sub(bytes, at + 1, at + length)
    if #value < length then
      return nil
    end
    at = at + length + 1
    if tag == 1 or tag == 3 then
      if not is_name(value) then
        return nil
      end
      held[tag == 1 and 'variation' or 'replaced'] = value
    elseif tag == 2 or tag == 10 then
      if length ~= 8 then
        return nil
      end
      held[tag == 2 and 'by' or 'revision'] = value
    elseif tag == 4 then
      if not is_name(sub(value, 9)) then
        return nil
      end
      held.goals[#held.goals + 1] = value
    elseif tag == 5 then
      if length < 8 or not is_text(sub(value, 9)) then
        return nil
      end
      held.meta_at, held.meta = math.min(number(value), LAST), sub(value, 9)
    elseif tag == 6 then
      if not is_text(value) then
        return nil
      end
      held.extra = value
    elseif tag >= 7 and tag <= 9 then
      if length ~= 8 then
        return nil
      end
      held[tag] = math.min(number(value), LAST)
    elseif tag == 11 then
      if length ~= 4 then
        return nil
      end
      held.epoch = unpack('<I4', value)
    else
      held.unknown[#held.unknown + 1] = sub(bytes, start, at - 1)
    end
  end
  local complete = held.variation and held.by and held[7] and held[8] and held.revision
  return complete and held or nil
end

-- One encoded field.
local function field_of(tag, value)
  local length = #value
  if length < 128 then
    return char(tag, length) .. value
  end
  local head = char(tag)
  while length > 127 do
    head, length = head .. char(length % 128 + 128), math.floor(length / 128)
  end
  return head .. char(length) .. value
end

local function encode(held)
  local out = { '\1', field_of(1, held.variation), '\2\8', held.by }
  if held.replaced then
    out[#out + 1] = field_of(3, held.replaced)
  end
  for _, goal in ipairs(held.goals) do
    out[#out + 1] = field_of(4, goal)
  end
  if held.meta then
    out[#out + 1] = field_of(5, moment(held.meta_at) .. held.meta)
  end
  if held.extra then
    out[#out + 1] = field_of(6, held.extra)
  end
  out[#out + 1] = '\7\8' .. moment(held[7]) .. '\8\8' .. moment(held[8])
  if held[9] then
    out[#out + 1] = '\9\8' .. moment(held[9])
  end
  out[#out + 1] = '\10\8' .. held.revision
  if held.epoch ~= 0 then
    out[#out + 1] = '\11\4' .. pack('<I4', held.epoch)
  end
  for _, unknown in ipairs(held.unknown) do
    out[#out + 1] = unknown
  end
  return table.concat(out)
end

-- Adds the offered goals that are missing while there is room; true if any was added.
local function bring(held, offer)
  local known, before = {}, #held.goals
  for i = 1, before do
    known[sub(held.goals[i], 9)] = true
  end
  for i = offer.from + 1, offer.to do
    local name = ARGV[i]
    if not known[name] and #held.goals < GOALS then
      known[name] = true
      held.goals[#held.goals + 1] = offer.claim .. name
    end
  end
  return #held.goals > before
end

local function unite(held, offer)
  local changed, offered = false, offer.created ~= '' and decode(offer.created) or {}
  if offered.variation == held.variation then
    if offered.meta and offered.meta ~= held.meta and (not held.meta or held.meta_at <= offered[7]) then
      held.meta, held.meta_at, changed = offered.meta, offered[7], true
    end
  elseif offered.variation and offer.over == held.variation and (not offer.over_by or offer.over_by == held.by) then
    held.replaced, held.variation, held.by = held.variation, offered.variation, offer.claim
    held[7], held.extra, changed = offered[7], offered.extra, true
    if offered.meta then
      held.meta, held.meta_at = offered.meta, offered[7]
    end
  end
  changed = bring(held, offer) or changed
  if held[9] and offer.lasts and held[9] - clock() < offer.renew_below then
    held[9], changed = math.min(clock() + offer.lasts, LAST), true
  end
  if changed then
    held.revision, held[8] = successor(held.revision), clock()
  end
  return changed
end

local function join(index, user, field, value, offer)
  local held = decode(value)
  if not held then
    return '\0' .. value
  end
  local epoch = unpack('<I4', offer.epoch)
  if held[9] and clock() >= held[9] or held.epoch < epoch then
    return create(index, user, field, offer)
  elseif held.epoch == epoch and unite(held, offer) then
    value = encode(held)
    hold(index, user, field, value, held[9], not held[9])
  end
  return value
end

while at < last do
  key = key + ARGV[at]
  local index, user, field, claim, created, rare = KEYS[key - 1], KEYS[key], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3], ARGV[at + 4]
  local goals = tonumber(ARGV[at + 5])
  local offer = { claim = claim, created = created, from = at + 5, to = at + 5 + goals, flags = 0, epoch = '\0\0\0\0' }
  if rare ~= '' then
    local flags, lasts, renew_below, imported, imported_end = unpack('<BI8I8I8I8', rare, 5)
    offer.flags, offer.epoch = flags, sub(rare, 1, 4)
    offer.lasts, offer.renew_below = flags % 2 >= 1 and lasts, renew_below
    offer.imported = flags % 4 >= 2 and imported
    offer.imported_end = flags % 8 >= 4 and imported_end
    offer.over = flags % 16 >= 8 and sub(rare, 46)
    offer.over_by = flags % 32 >= 16 and sub(rare, 38, 45)
  end
  local value = call('HGET', user, field)
  if not value then
    value = create(index, user, field, offer)
  else
    value = join(index, user, field, value, offer)
  end
  answers[#answers + 1] = value or false
  at = offer.to + 1
end
return answers
