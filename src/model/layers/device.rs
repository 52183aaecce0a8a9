//! Layers on candle tensors: what runs on a GPU. Matrices are f32; products may be computed in bf16, as PyTorch's autocast does.
//!
//! Rows stay packed but in attention, whose texts are padded. candle's primitives have no fused norms and softmax with a
//! backward, so both directions are written out here.

use candle_core::{D, DType, Device as Candle, Result, Tensor, bail};

use super::{Activation, AdamW, AttentionGrads, Dropout, Grad, Layers, Relative, Texts};

/// Layers on tensors of one device.
#[derive(Clone, Debug)]
pub struct Device {
    /// Where the tensors are.
    pub device: Candle,
    /// The number format of products.
    pub products: DType,
}

/// What a norm keeps: the normed rows, and one over each row's deviation.
#[derive(Debug)]
pub struct Normed {
    rows: Tensor,
    inverse: Tensor,
}

/// What attention keeps: probabilities before dropout, `[texts, heads, queries, tokens]`.
#[derive(Debug)]
pub struct Attended {
    probabilities: Tensor,
}

/// AdamW's moments.
#[derive(Debug)]
pub struct Moments {
    first: Tensor,
    second: Tensor,
}

/// How packed rows and padded ones lie to each other.
struct Padding {
    texts: usize,
    length: usize,
    /// For each padded place the packed row, the first one where there is none.
    places: Tensor,
    /// For each packed row its padded place.
    back: Tensor,
    /// 1 at real rows, 0 at padding: `[texts, length, 1]`.
    real: Tensor,
}

impl Padding {
    fn new(spans: &[std::ops::Range<usize>], length: usize, device: &Candle) -> Result<Self> {
        let (mut places, mut back, mut real) = (Vec::new(), Vec::new(), Vec::new());
        for (text, span) in spans.iter().enumerate() {
            for place in 0..length {
                let inside = place < span.len();
                places.push(if inside { (span.start + place) as u32 } else { 0 });
                real.push(f32::from(u8::from(inside)));
                if inside {
                    back.push((text * length + place) as u32);
                }
            }
        }
        Ok(Self {
            texts: spans.len(),
            length,
            places: Tensor::new(places, device)?,
            back: Tensor::new(back, device)?,
            real: Tensor::from_vec(real, (spans.len(), length, 1), device)?,
        })
    }

    /// Packed `[rows, heads · dim]` to padded `[texts, heads, length, dim]`, zero at padding.
    fn pad(&self, x: &Tensor, heads: usize) -> Result<Tensor> {
        let width = x.dim(1)?;
        x.index_select(&self.places, 0)?
            .reshape((self.texts, self.length, width))?
            .broadcast_mul(&self.real)?
            .reshape((self.texts, self.length, heads, width / heads.max(1)))?
            .transpose(1, 2)?
            .contiguous()
    }

    /// And back.
    fn pack(&self, x: &Tensor) -> Result<Tensor> {
        let (texts, heads, length, dim) = x.dims4()?;
        x.transpose(1, 2)?.contiguous()?.reshape((texts * length, heads * dim))?.index_select(&self.back, 0)
    }
}

impl Device {
    fn product(&self, a: &Tensor, b: &Tensor) -> Result<Tensor> {
        if self.products == DType::F32 {
            return a.matmul(b);
        }
        a.to_dtype(self.products)?.matmul(&b.to_dtype(self.products)?)?.to_dtype(DType::F32)
    }

    /// The same with `b` once for all of the first dimension of `a`.
    fn broadcast_product(&self, a: &Tensor, b: &Tensor) -> Result<Tensor> {
        if self.products == DType::F32 {
            return a.broadcast_matmul(b);
        }
        a.to_dtype(self.products)?.broadcast_matmul(&b.to_dtype(self.products)?)?.to_dtype(DType::F32)
    }

    /// What each element is multiplied with.
    fn factors(&self, dropout: Dropout, shape: &[usize]) -> Result<Tensor> {
        if self.device.is_cuda() {
            self.device.set_seed(dropout.seed)?;
            let kept = Tensor::rand(0f32, 1f32, shape, &self.device)?.ge(f64::from(dropout.rate))?;
            return kept.to_dtype(DType::F32)? * f64::from(1.0 / (1.0 - dropout.rate));
        }
        let factors: Vec<f32> = (0..shape.iter().product()).map(|index| dropout.factor(index)).collect();
        Tensor::from_vec(factors, shape, &self.device)
    }

    fn dropped(&self, x: Tensor, dropout: Dropout) -> Result<Tensor> {
        if dropout.is_none() { Ok(x) } else { &x * self.factors(dropout, x.dims())? }
    }

    fn row(&self, x: &Tensor) -> Result<Tensor> {
        x.reshape(x.elem_count())
    }

    /// A table of distances by heads, `[1, heads, distances, dim]`.
    fn table(&self, x: &Tensor, heads: usize) -> Result<Tensor> {
        let (rows, width) = x.dims2()?;
        x.reshape((rows, heads, width / heads.max(1)))?.transpose(0, 1)?.contiguous()?.unsqueeze(0)
    }

    /// Rows of the tables of distances: for each query and token, and for each token and query.
    fn distances(&self, texts: &Texts, queries: usize, tokens: usize, by_token: bool) -> Result<Tensor> {
        let center = texts.longest() as i64 - 1;
        let row = |query: usize, token: usize| (query as i64 - token as i64 + center).clamp(0, 2 * center) as u32;
        let rows: Vec<u32> = match by_token {
            false => (0..queries).flat_map(|query| (0..tokens).map(move |token| row(query, token))).collect(),
            true => (0..tokens).flat_map(|token| (0..queries).map(move |query| row(query, token))).collect(),
        };
        let shape = if by_token { (tokens, queries) } else { (queries, tokens) };
        Tensor::from_vec(rows, shape, &self.device)
    }

    fn paddings(&self, texts: &Texts) -> Result<(Padding, Padding)> {
        let tokens = Padding::new(&texts.spans, texts.padded.max(texts.longest()), &self.device)?;
        let length = if texts.first_only { 1 } else { tokens.length };
        Ok((Padding::new(&texts.queries(), length, &self.device)?, tokens))
    }

    fn spread(&self, rows: &Tensor, texts: usize, heads: usize) -> Result<Tensor> {
        let (a, b) = rows.dims2()?;
        rows.expand((texts, heads, a, b))?.contiguous()
    }

    fn accumulate(sum: &mut Option<Tensor>, part: Tensor) -> Result<()> {
        *sum = Some(match sum.take() {
            Some(sum) => (sum + part)?,
            None => part,
        });
        Ok(())
    }
}

impl Layers for Device {
    type Mat = Tensor;
    type Normed = Normed;
    type Attended = Attended;
    type Moments = Moments;

    fn mat(&self, values: Vec<f32>, width: usize) -> Result<Tensor> {
        let rows = values.len() / width.max(1);
        Tensor::from_vec(values, (rows, width), &self.device)
    }

    fn values(&self, x: &Tensor) -> Result<Vec<f32>> {
        x.flatten_all()?.to_vec1()
    }

    fn sum_of_squares(&self, x: &Tensor) -> Result<f64> {
        Ok(f64::from(x.sqr()?.sum_all()?.to_scalar::<f32>()?))
    }

    fn gather(&self, table: &Tensor, rows: &[u32]) -> Result<Tensor> {
        let most = table.dim(0)?;
        if let Some(row) = rows.iter().find(|row| **row as usize >= most) {
            bail!("row {row} of {most}");
        }
        table.index_select(&Tensor::new(rows, &self.device)?, 0)
    }

    fn scatter(&self, grad: &Tensor, places: &[u32], rows: usize) -> Result<Tensor> {
        let sum = Tensor::zeros((rows, grad.dim(1)?), DType::F32, &self.device)?;
        sum.index_add(&Tensor::new(places, &self.device)?, &grad.contiguous()?, 0)
    }

    fn add(&self, a: Tensor, b: &Tensor) -> Result<Tensor> {
        a + b
    }

    fn linear(&self, x: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
        let out = self.product(x, &weight.t()?)?;
        match bias {
            Some(bias) => out.broadcast_add(&self.row(bias)?),
            None => Ok(out),
        }
    }

    fn weight_grad(&self, x: &Tensor, grad: &Tensor, weight: &mut Option<Tensor>) -> Result<()> {
        Self::accumulate(weight, self.product(&grad.t()?, x)?)
    }

    fn bias_grad(&self, grad: &Tensor, bias: &mut Option<Tensor>) -> Result<()> {
        Self::accumulate(bias, grad.sum_keepdim(0)?)
    }

    fn linear_back(&self, sum: Option<Tensor>, grad: &Tensor, weight: &Tensor) -> Result<Tensor> {
        let grad = self.product(grad, weight)?;
        sum.map_or(Ok(grad.clone()), |sum| sum + grad)
    }

    fn norm(
        &self,
        x: Tensor,
        residual: Option<&Tensor>,
        dropout: Dropout,
        weight: &Tensor,
        bias: &Tensor,
        eps: f64,
    ) -> Result<(Tensor, Normed)> {
        let x = self.dropped(x, dropout)?;
        let x = residual.map_or(Ok(x.clone()), |residual| &x + residual)?;
        let x = x.broadcast_sub(&x.mean_keepdim(D::Minus1)?)?;
        let inverse = (x.sqr()?.mean_keepdim(D::Minus1)? + eps)?.sqrt()?.recip()?;
        let rows = x.broadcast_mul(&inverse)?;
        let out = rows.broadcast_mul(&self.row(weight)?)?.broadcast_add(&self.row(bias)?)?;
        Ok((out, Normed { rows, inverse }))
    }

    fn norm_back(
        &self,
        kept: &Normed,
        weight: &Tensor,
        grad: Tensor,
        weight_grad: &mut Option<Tensor>,
        bias_grad: &mut Option<Tensor>,
    ) -> Result<Tensor> {
        Self::accumulate(weight_grad, (&grad * &kept.rows)?.sum_keepdim(0)?)?;
        Self::accumulate(bias_grad, grad.sum_keepdim(0)?)?;
        let grad = grad.broadcast_mul(&self.row(weight)?)?;
        let mean = grad.mean_keepdim(D::Minus1)?;
        let product = (&grad * &kept.rows)?.mean_keepdim(D::Minus1)?;
        let grad = grad.broadcast_sub(&mean)?.sub(&kept.rows.broadcast_mul(&product)?)?;
        grad.broadcast_mul(&kept.inverse)
    }

    fn activate(&self, activation: Activation, x: &Tensor) -> Result<Tensor> {
        match activation {
            Activation::Gelu => x.gelu_erf(),
            Activation::GeluTanh => x.gelu(),
            Activation::Relu => x.relu(),
            Activation::Tanh => x.tanh(),
        }
    }

    fn activate_back(&self, activation: Activation, x: &Tensor, grad: Tensor) -> Result<Tensor> {
        let slope = match activation {
            Activation::Gelu => {
                let normal = ((x * std::f64::consts::FRAC_1_SQRT_2)?.erf()? + 1.0)?;
                let density = ((x.sqr()? * -0.5)?.exp()? * (1.0 / (2.0 * std::f64::consts::PI).sqrt()))?;
                ((normal * 0.5)? + (x * density)?)?
            }
            Activation::GeluTanh => {
                let root = (2.0 / std::f64::consts::PI).sqrt();
                let inner = ((x + (x.powf(3.0)? * 0.044_715)?)? * root)?.tanh()?;
                let outer = ((x.sqr()? * (3.0 * 0.044_715 * root))? + root)?;
                let inside = (1.0 - inner.sqr()?)?;
                (((&inner + 1.0)? * 0.5)? + (((x * 0.5)? * inside)? * outer)?)?
            }
            Activation::Relu => x.gt(0f64)?.to_dtype(DType::F32)?,
            Activation::Tanh => (1.0 - x.tanh()?.sqr()?)?,
        };
        grad * slope
    }

    fn dropout(&self, x: Tensor, dropout: Dropout) -> Result<Tensor> {
        self.dropped(x, dropout)
    }

    fn attend(
        &self,
        texts: &Texts,
        heads: usize,
        q: &Tensor,
        k: &Tensor,
        v: &Tensor,
        relative: Relative<'_, Tensor>,
        dropout: Dropout,
        _keep: bool,
    ) -> Result<(Tensor, Attended)> {
        let (asking, tokens) = self.paddings(texts)?;
        let (q, k, v) = (asking.pad(q, heads)?, tokens.pad(k, heads)?, tokens.pad(v, heads)?);
        let mut scores = self.product(&q, &k.t()?)?;
        if let Some(table) = relative.keys {
            let all = self.broadcast_product(&q, &self.table(table, heads)?.t()?)?;
            let rows = self.distances(texts, asking.length, tokens.length, false)?;
            scores = (scores + all.gather(&self.spread(&rows, asking.texts, heads)?, D::Minus1)?)?;
        }
        if let Some(table) = relative.queries {
            let all = self.broadcast_product(&k, &self.table(table, heads)?.t()?)?;
            let rows = self.distances(texts, asking.length, tokens.length, true)?;
            scores = (scores + all.gather(&self.spread(&rows, asking.texts, heads)?, D::Minus1)?.t()?)?;
        }
        let dim = q.dim(3)?;
        let scores = (scores * (1.0 / ((dim * relative.kinds()) as f64).sqrt()))?;
        // Padding gets what no real score can reach.
        let hidden = ((tokens.real.reshape((tokens.texts, 1, 1, tokens.length))? - 1.0)? * 1e9)?;
        let scores = scores.broadcast_add(&hidden)?;
        let scores = scores.broadcast_sub(&scores.max_keepdim(D::Minus1)?)?.exp()?;
        let probabilities = scores.broadcast_div(&scores.sum_keepdim(D::Minus1)?)?;
        let dropped = self.dropped(probabilities.clone(), dropout)?;
        let context = asking.pack(&self.product(&dropped, &v)?)?;
        Ok((context, Attended { probabilities }))
    }

    fn attend_back(
        &self,
        texts: &Texts,
        heads: usize,
        q: &Tensor,
        k: &Tensor,
        v: &Tensor,
        relative: Relative<'_, Tensor>,
        dropout: Dropout,
        kept: &Attended,
        grad: &Tensor,
    ) -> Result<AttentionGrads<Tensor>> {
        let (asking, tokens) = self.paddings(texts)?;
        let (q, k, v) = (asking.pad(q, heads)?, tokens.pad(k, heads)?, tokens.pad(v, heads)?);
        let grad = asking.pad(grad, heads)?;
        let probabilities = &kept.probabilities;
        let dropped = self.dropped(probabilities.clone(), dropout)?;
        let of_v = self.product(&dropped.t()?.contiguous()?, &grad)?;
        let of_probabilities = self.dropped(self.product(&grad, &v.t()?)?, dropout)?;
        let sum = (&of_probabilities * probabilities)?.sum_keepdim(D::Minus1)?;
        let of_scores = (of_probabilities.broadcast_sub(&sum)? * probabilities)?;
        let of_scores = (of_scores * (1.0 / ((q.dim(3)? * relative.kinds()) as f64).sqrt()))?;
        let turned = of_scores.t()?.contiguous()?;
        let mut of_q = self.product(&of_scores, &k)?;
        let mut of_k = self.product(&turned, &q)?;
        let (mut relative_keys, mut relative_queries) = (None, None);
        // From `[texts, heads, distances, dim]` to the table's rows.
        let collect = |grad: Tensor| -> Result<Tensor> {
            let grad = grad.sum(0)?.transpose(0, 1)?.contiguous()?;
            let (rows, heads, dim) = grad.dims3()?;
            grad.reshape((rows, heads * dim))
        };
        let by_distance = |grad: &Tensor, by_token: bool, distances: usize| -> Result<Tensor> {
            let rows = self.distances(texts, asking.length, tokens.length, by_token)?;
            let (a, b, c, _) = grad.dims4()?;
            let zeros = Tensor::zeros((a, b, c, distances), DType::F32, &self.device)?;
            zeros.scatter_add(&self.spread(&rows, asking.texts, heads)?, grad, D::Minus1)
        };
        if let Some(table) = relative.keys {
            let grad = by_distance(&of_scores.contiguous()?, false, table.dim(0)?)?;
            of_q = (of_q + self.broadcast_product(&grad, &self.table(table, heads)?)?)?;
            relative_keys = Some(collect(self.product(&grad.t()?.contiguous()?, &q)?)?);
        }
        if let Some(table) = relative.queries {
            let grad = by_distance(&turned, true, table.dim(0)?)?;
            of_k = (of_k + self.broadcast_product(&grad, &self.table(table, heads)?)?)?;
            relative_queries = Some(collect(self.product(&grad.t()?.contiguous()?, &k)?)?);
        }
        Ok(AttentionGrads {
            q: asking.pack(&of_q)?,
            k: tokens.pack(&of_k)?,
            v: tokens.pack(&of_v)?,
            relative_keys,
            relative_queries,
        })
    }

    fn moments(&self, parameter: &Tensor) -> Result<Moments> {
        Ok(Moments { first: parameter.zeros_like()?, second: parameter.zeros_like()? })
    }

    fn moment_values(&self, moments: &Moments) -> Result<(Vec<f32>, Vec<f32>)> {
        Ok((self.values(&moments.first)?, self.values(&moments.second)?))
    }

    fn moments_from(&self, parameter: &Tensor, first: Vec<f32>, second: Vec<f32>) -> Result<Moments> {
        let shaped = |values: Vec<f32>| Tensor::from_vec(values, parameter.shape(), &self.device);
        Ok(Moments { first: shaped(first)?, second: shaped(second)? })
    }

    fn step(&self, parameter: &mut Tensor, moments: &mut Moments, grad: &Grad<Tensor>, adamw: &AdamW) -> Result<()> {
        let grad = match grad {
            Grad::Dense(grad) => grad.clone(),
            Grad::Rows(rows, grad) => self.scatter(grad, rows, parameter.dim(0)?)?,
        };
        let grad = (grad.reshape(parameter.shape())? * adamw.grad_scale)?;
        let step = i32::try_from(adamw.step).unwrap_or(i32::MAX);
        moments.first = ((&moments.first * adamw.beta1)? + (&grad * (1.0 - adamw.beta1))?)?;
        moments.second = ((&moments.second * adamw.beta2)? + (grad.sqr()? * (1.0 - adamw.beta2))?)?;
        let size = adamw.rate / (1.0 - adamw.beta1.powi(step));
        let root = 1.0 / (1.0 - adamw.beta2.powi(step)).sqrt();
        let change = (&moments.first * size)?.div(&((moments.second.sqrt()? * root)? + adamw.epsilon)?)?;
        *parameter = ((&*parameter * (1.0 - adamw.rate * adamw.weight_decay))? - change)?;
        Ok(())
    }
}
