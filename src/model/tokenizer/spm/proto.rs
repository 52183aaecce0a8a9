//! The few fields of a SentencePiece model that matter, read from their protocol buffers.
//!
//! <https://github.com/google/sentencepiece/blob/master/src/sentencepiece_model.proto>. Lengths are checked against what is
//! there before anything is taken, and messages lie three deep at most, so what a wrong file costs is bounded by its size.

/// The model type that is supported.
pub const UNIGRAM: u64 = 1;

/// What a piece is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A part of texts.
    Normal,
    /// Stands for what has no piece.
    Unknown,
    /// A sign for the model, as `[CLS]`.
    Control,
    /// A part of texts that is always one piece.
    UserDefined,
    /// Never matched.
    Unused,
    /// A byte of what has no piece.
    Byte,
}

/// One entry of the vocabulary.
#[derive(Clone, Debug, PartialEq)]
pub struct Piece {
    /// Its text.
    pub text: String,
    /// Its log-probability.
    pub score: f32,
    /// What it is for.
    pub kind: Kind,
}

/// How texts are made uniform; the defaults are sentencepiece's.
#[derive(Clone, Debug, PartialEq)]
pub struct NormalizerSpec {
    /// What becomes of which characters.
    pub charsmap: Vec<u8>,
    /// Whether a blank is put before texts.
    pub add_dummy_prefix: bool,
    /// Whether blanks at the ends, and all but one between words, are left out.
    pub remove_extra_whitespaces: bool,
    /// Whether blanks become `▁`.
    pub escape_whitespaces: bool,
}

/// A SentencePiece model.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    /// The vocabulary, in the order of ids.
    pub pieces: Vec<Piece>,
    /// [`UNIGRAM`] or another.
    pub model_type: u64,
    /// Whether the blank that is put before texts is put after them.
    pub whitespace_as_suffix: bool,
    /// Whether what has no piece becomes bytes.
    pub byte_fallback: bool,
    /// How texts are made uniform.
    pub normalizer: NormalizerSpec,
}

impl Model {
    /// Reads a model.
    pub fn read(bytes: &[u8]) -> Result<Self, String> {
        let mut model = Self {
            pieces: Vec::new(),
            model_type: UNIGRAM,
            whitespace_as_suffix: false,
            byte_fallback: false,
            normalizer: NormalizerSpec {
                charsmap: Vec::new(),
                add_dummy_prefix: true,
                remove_extra_whitespaces: true,
                escape_whitespaces: true,
            },
        };
        let mut fields = Fields(bytes);
        while let Some((number, value)) = fields.next()? {
            match number {
                1 => model.pieces.push(Piece::read(value.bytes("pieces")?)?),
                2 => model.read_trainer(value.bytes("trainer_spec")?)?,
                3 => model.normalizer.read(value.bytes("normalizer_spec")?)?,
                _ => {}
            }
        }
        if model.pieces.is_empty() { Err("it has no pieces".to_owned()) } else { Ok(model) }
    }

    fn read_trainer(&mut self, bytes: &[u8]) -> Result<(), String> {
        let mut fields = Fields(bytes);
        while let Some((number, value)) = fields.next()? {
            match number {
                3 => self.model_type = value.varint("model_type")?,
                24 => self.whitespace_as_suffix = value.varint("treat_whitespace_as_suffix")? != 0,
                35 => self.byte_fallback = value.varint("byte_fallback")? != 0,
                _ => {}
            }
        }
        Ok(())
    }
}

impl NormalizerSpec {
    fn read(&mut self, bytes: &[u8]) -> Result<(), String> {
        let mut fields = Fields(bytes);
        while let Some((number, value)) = fields.next()? {
            match number {
                2 => self.charsmap = value.bytes("precompiled_charsmap")?.to_vec(),
                3 => self.add_dummy_prefix = value.varint("add_dummy_prefix")? != 0,
                4 => self.remove_extra_whitespaces = value.varint("remove_extra_whitespaces")? != 0,
                5 => self.escape_whitespaces = value.varint("escape_whitespaces")? != 0,
                _ => {}
            }
        }
        Ok(())
    }
}

impl Piece {
    fn read(bytes: &[u8]) -> Result<Self, String> {
        let mut piece = Self { text: String::new(), score: 0.0, kind: Kind::Normal };
        let mut fields = Fields(bytes);
        while let Some((number, value)) = fields.next()? {
            match number {
                1 => {
                    let text = str::from_utf8(value.bytes("piece")?).map_err(|_| "a piece is no UTF-8".to_owned())?;
                    text.clone_into(&mut piece.text);
                }
                2 => piece.score = value.float("score")?,
                3 => {
                    piece.kind = match value.varint("type")? {
                        1 => Kind::Normal,
                        2 => Kind::Unknown,
                        3 => Kind::Control,
                        4 => Kind::UserDefined,
                        5 => Kind::Unused,
                        6 => Kind::Byte,
                        other => return Err(format!("a piece is of type {other}, which there is not")),
                    }
                }
                _ => {}
            }
        }
        Ok(piece)
    }
}

/// The value of a field.
enum Value<'a> {
    Varint(u64),
    Eight,
    Bytes(&'a [u8]),
    Four([u8; 4]),
}

impl<'a> Value<'a> {
    fn bytes(self, field: &str) -> Result<&'a [u8], String> {
        if let Self::Bytes(bytes) = self { Ok(bytes) } else { Err(wrong_type(field)) }
    }

    fn varint(self, field: &str) -> Result<u64, String> {
        if let Self::Varint(number) = self { Ok(number) } else { Err(wrong_type(field)) }
    }

    fn float(self, field: &str) -> Result<f32, String> {
        if let Self::Four(bytes) = self { Ok(f32::from_le_bytes(bytes)) } else { Err(wrong_type(field)) }
    }
}

fn wrong_type(field: &str) -> String {
    format!("its field `{field}` is of another type than it should be")
}

/// The fields of a message, one after the other.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    /// The next field's number and value.
    fn next(&mut self) -> Result<Option<(u64, Value<'a>)>, String> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let key = self.varint()?;
        let value = match key & 7 {
            0 => Value::Varint(self.varint()?),
            1 => {
                self.take(8)?;
                Value::Eight
            }
            2 => {
                let length = self.varint()?;
                Value::Bytes(self.take(usize::try_from(length).unwrap_or(usize::MAX))?)
            }
            5 => Value::Four(self.take(4)?.try_into().map_err(|_| cut())?),
            other => return Err(format!("it has a field of wire type {other} (is it a SentencePiece model?)")),
        };
        Ok(Some((key >> 3, value)))
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], String> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or_else(cut)?;
        self.0 = rest;
        Ok(taken)
    }

    fn varint(&mut self) -> Result<u64, String> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.0.split_first().ok_or_else(cut)?;
            self.0 = rest;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err("it has a number of more than 64 bits (is it a SentencePiece model?)".to_owned())
    }
}

fn cut() -> String {
    "it ends in the middle of a field (is the file complete?)".to_owned()
}
