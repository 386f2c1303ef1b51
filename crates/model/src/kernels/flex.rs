//! Glue between hand-written CPU kernels and burn's flex tensors, with and without gradients.

use std::borrow::Cow;
use std::fmt::Debug;

use burn::backend::{Flex, tensor::FloatTensor};
use burn::tensor::{Device, Shape, Tensor, TensorData, bf16};

/// The flex device's tensor.
pub(crate) type FlexTensor = FloatTensor<Flex>;

/// An operation on the flex device that knows its own backward pass.
pub(crate) trait FlexOp<const N: usize>: Clone + Debug + Send + 'static {
    /// What the backward pass needs of the forward pass.
    type Saved: Clone + Debug + Send + 'static;

    /// The result, and what to save.
    fn forward(&self, inputs: [FlexTensor; N]) -> (FlexTensor, Self::Saved);

    /// The result alone, where no gradient will be asked for.
    fn infer(&self, inputs: [FlexTensor; N]) -> FlexTensor {
        self.forward(inputs).0
    }

    /// Gradients of the inputs, given the result's; `needed[i]` says whether anyone asks for the i-th.
    fn backward(&self, saved: Self::Saved, grad: FlexTensor, needed: [bool; N]) -> [Option<FlexTensor>; N];
}

/// Whether tensors on this device are computed by the hand-written kernels.
pub(crate) fn is_flex(device: &Device) -> bool {
    use burn::backend::DispatchDevice;
    matches!(device.clone().inner().as_dispatch(), DispatchDevice::Flex(_))
}

/// An input of a [`FlexOp`], with or without a gradient.
pub(crate) enum Input {
    /// No gradient.
    Plain(FlexTensor),
    /// Part of a gradient graph.
    #[cfg(feature = "autodiff")]
    Tracked(FloatTensor<burn::backend::Autodiff<Flex>>),
}

impl<const D: usize> From<Tensor<D>> for Input {
    fn from(tensor: Tensor<D>) -> Self {
        #[cfg(feature = "autodiff")]
        if tensor.is_autodiff() {
            let primitive = tensor.try_into_primitive::<burn::backend::Autodiff<Flex>>();
            return Self::Tracked(primitive.expect("the device was checked to be flex"));
        }
        Self::Plain(tensor.try_into_primitive::<Flex>().expect("the device was checked to be flex"))
    }
}

/// Runs an operation, and records its backward pass if any input has a gradient graph.
pub(crate) fn apply<Op: FlexOp<N>, const N: usize, const D: usize>(op: Op, inputs: [Input; N]) -> Tensor<D> {
    #[cfg(feature = "autodiff")]
    if inputs.iter().any(|input| matches!(input, Input::Tracked(_))) {
        return tracked::apply(op, inputs);
    }
    let plain = inputs.map(|input| match input {
        Input::Plain(tensor) => tensor,
        #[cfg(feature = "autodiff")]
        Input::Tracked(_) => unreachable!("handled above"),
    });
    Tensor::from_primitive::<Flex>(op.infer(plain))
}

/// The tensor, unless it is part of a gradient graph.
pub(crate) fn plain<const D: usize>(tensor: Tensor<D>) -> Option<FlexTensor> {
    match tensor.into() {
        Input::Plain(tensor) => Some(tensor),
        #[cfg(feature = "autodiff")]
        Input::Tracked(_) => None,
    }
}

#[cfg(feature = "autodiff")]
mod tracked {
    use std::marker::PhantomData;

    use burn::backend::Autodiff;
    use burn::backend::autodiff::checkpoint::{base::Checkpointer, strategy::NoCheckpointing};
    use burn::backend::autodiff::grads::Gradients;
    use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};

    use super::*;

    /// The graph node of an operation.
    #[derive(Debug)]
    struct Node<Op>(PhantomData<Op>);

    impl<Op: FlexOp<N>, const N: usize> Backward<Flex, N> for Node<Op> {
        type State = (Op, Op::Saved);

        fn backward(self, ops: Ops<Self::State, N>, grads: &mut Gradients, _: &mut Checkpointer) {
            let grad = grads.consume::<Flex>(&ops.node);
            let (op, saved) = ops.state;
            let needed = ops.parents.each_ref().map(Option::is_some);
            for (parent, grad) in ops.parents.into_iter().zip(op.backward(saved, grad, needed)) {
                if let (Some(parent), Some(grad)) = (parent, grad) {
                    grads.register::<Flex>(parent.id, grad);
                }
            }
        }
    }

    pub(super) fn apply<Op: FlexOp<N>, const N: usize, const D: usize>(
        op: Op,
        inputs: [Input; N],
    ) -> Tensor<D> {
        let inputs = inputs.map(|input| match input {
            Input::Tracked(tensor) => tensor,
            Input::Plain(tensor) => FloatTensor::<Autodiff<Flex>>::new(tensor),
        });
        let guards = inputs.each_ref().map(|tensor| tensor.node());
        let plain = inputs.map(|tensor| tensor.into_primitive());
        let (output, saved) = op.forward(plain);
        let node = Node::<Op>(PhantomData).prepare::<NoCheckpointing>(guards).compute_bound().stateful();
        let output = match node {
            OpsKind::Tracked(prep) => prep.finish((op, saved), output),
            OpsKind::UnTracked(prep) => prep.finish(output),
        };
        Tensor::from_primitive::<Autodiff<Flex>>(output)
    }
}

/// A tensor of these values.
pub(crate) fn tensor(values: Vec<f32>, shape: impl Into<Shape>) -> FlexTensor {
    FlexTensor::from_data(TensorData::new(values, shape.into()))
}

/// The values of a tensor made contiguous by [`contiguous`].
pub(crate) fn values(tensor: &FlexTensor) -> &[f32] {
    tensor.as_slice::<f32>().expect("float tensors are f32 and were made contiguous")
}

/// The values of a bf16 tensor made contiguous by [`contiguous`].
pub(crate) fn half_values(tensor: &FlexTensor) -> &[bf16] {
    tensor.as_slice::<bf16>().expect("the dtype was checked, and the tensor was made contiguous")
}

/// The same values two to a word, the first of each pair in the lower half; copied only where memory is not so.
pub(crate) fn pairs(tensor: &FlexTensor) -> Cow<'_, [u32]> {
    let halves = half_values(tensor);
    match bytemuck::try_cast_slice::<bf16, u32>(halves) {
        Ok(words) if cfg!(target_endian = "little") => Cow::Borrowed(words),
        _ => {
            let word = |[a, b]: &[bf16; 2]| u32::from(a.to_bits()) | u32::from(b.to_bits()) << 16;
            halves.as_chunks().0.iter().map(word).collect()
        }
    }
}

/// The tensor with its values in order, copied only if they are not.
pub(crate) fn contiguous(tensor: FlexTensor) -> FlexTensor {
    if tensor.is_contiguous() { tensor } else { tensor.to_contiguous() }
}

/// Rows and columns of a matrix.
pub(crate) fn matrix_dims(tensor: &FlexTensor) -> [usize; 2] {
    let shape = tensor.layout().shape();
    [shape[0], shape[1]]
}
